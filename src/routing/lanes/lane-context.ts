import { AsyncLocalStorage } from 'node:async_hooks';
import type { Labels } from '../../picking/router.js';
import { invalidOption } from '../../runtime/options.js';
import { labelOf } from '../labels.js';

/** The header in which a lane travels, unless `lanes.header` names another. */
export const LANE_HEADER = 'x-fairlead-lane';

/** The member of W3C baggage that is read where there is no such header. */
const BAGGAGE_MEMBER = 'lane';
const MAX_BAGGAGE = 8_192;
const LANE = /^[\w.-]{1,64}$/;

const lanes = new AsyncLocalStorage<string | undefined>();

/** A lane's name: 1 to 64 letters, digits, `.`, `_` or `-`. */
export function isLane(value: unknown): value is string {
  return typeof value === 'string' && LANE.test(value);
}

/**
 * Runs `run` in a lane: every call made in it, however deep, is of that lane and carries it on.
 * `undefined` takes the lane away. Returns what `run` returns. Throws FAIRLEAD_INVALID_OPTION for
 * what is no lane's name; `laneOf` returns only those that are.
 */
export function withLane<T>(lane: string | undefined, run: () => T): T {
  if (lane !== undefined && !isLane(lane)) throw invalidOption('lane', lane, '1 to 64 letters, digits, . _ or -');
  return lanes.run(lane, run);
}

/** The lane of the innermost `withLane` that is running now. */
export function currentLane(): string | undefined {
  return lanes.getStore();
}

/**
 * The lane that a request names, by its header, else by the member `lane` of its `baggage`;
 * undefined where it names none, or one that could be no lane. `headers`: those of a request of
 * node:http or Fetch, or a function that returns one by its name in lower case.
 */
export function laneOf(headers: LaneHeaders, header: string = LANE_HEADER): string | undefined {
  const labels = toLabels(headers);
  const named = labelOf(labels, header);
  if (named !== undefined) return isLane(named) ? named : undefined;
  const baggage = labelOf(labels, 'baggage');
  return baggage === undefined ? undefined : laneOfBaggage(baggage);
}

export type LaneHeaders =
  | Labels
  | { readonly get: (name: string) => unknown }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * `get` of gRPC's Metadata returns a list, that of Fetch's Headers null for nothing. Several lines
 * of `baggage` are one list (W3C Baggage, 3.2); of another header the first counts.
 */
function toLabels(headers: LaneHeaders): Labels {
  if (typeof headers === 'function') return headers as Labels;
  const { get } = headers as { readonly get?: unknown };
  const read =
    typeof get === 'function'
      ? (name: string): unknown => get.call(headers, name)
      : (name: string): unknown =>
          Object.hasOwn(headers, name) ? (headers as Record<string, unknown>)[name] : undefined;
  return (name) => {
    const value = read(name);
    let one: unknown = value;
    if (Array.isArray(value)) one = name === 'baggage' ? value.join(',') : value[0];
    return typeof one === 'string' ? one : undefined;
  };
}

/** W3C Baggage, 3.3.1: members separated by commas, properties by semicolons. */
function laneOfBaggage(baggage: string): string | undefined {
  if (baggage.length > MAX_BAGGAGE) return undefined;
  for (const member of baggage.split(',')) {
    const [pair = ''] = member.split(';', 1);
    const at = pair.indexOf('=');
    if (at < 0 || pair.slice(0, at).trim() !== BAGGAGE_MEMBER) continue;
    const value = pair.slice(at + 1).trim();
    return isLane(value) ? value : undefined;
  }
  return undefined;
}
