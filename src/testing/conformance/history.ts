import type { RoutingKey } from '../../runtime/context.js';
import { Outcome } from '../../runtime/outcome.js';
import { type Random, seededRandom } from '../../runtime/random.js';
import type { Stage } from './stage.js';

/** One thing that happens to a service, then one pick. `who` chooses whom it happens to. */
export interface Step {
  readonly event: EventName;
  readonly who: number;
  readonly key: RoutingKey | undefined;
  /** Whom the call tried before, as places in the list of all that there have been. */
  readonly tried: readonly number[];
}

const OUTCOMES = [Outcome.Success, Outcome.Failure, Outcome.Timeout, Outcome.Overloaded, Outcome.Cancelled];

/** Weights as discovery may report them, the extremes included. */
const WEIGHTS = [1, 2, 3, 5, 0.01, 100, 65_535];

type EventName =
  | 'nothing'
  | 'arrive'
  | 'depart'
  | 'replace'
  | 'reweigh'
  | 'eject'
  | 'probe'
  | 'return'
  | 'warm'
  | 'end'
  | 'wait';

/** What can happen between two picks. Each leaves at least one endpoint. */
const EVENTS: Readonly<Record<EventName, (stage: Stage, who: number) => void>> = {
  nothing: () => {},
  arrive: (stage, who) => stage.list([...stage.specs, stage.made(weightOf(who))]),
  depart: (stage, who) => {
    if (stage.specs.length > 1) stage.list(stage.specs.toSpliced(who % stage.specs.length, 1));
  },
  /** The same id at another address: another process, with nothing to inherit. */
  replace: (stage, who) => {
    const place = who % stage.specs.length;
    stage.list(stage.specs.with(place, { ...stage.specs[place]!, port: 1_000 + (who % 60_000) }));
  },
  reweigh: (stage, who) => {
    const place = who % stage.specs.length;
    stage.list(stage.specs.with(place, { ...stage.specs[place]!, weight: weightOf(who >>> 4) }));
  },
  eject: (stage, who) => stand(stage, who, 'ejected'),
  probe: (stage, who) => stand(stage, who, 'probing'),
  return: (stage, who) => stand(stage, who, 'in'),
  /** Slow start, or the edge of an aperture. */
  warm: (stage, who) => {
    const endpoint = stage.members[who % stage.members.length]!;
    endpoint.warmth = (1 + (who % 100)) / 100;
    endpoint.updateWeight();
    stage.renew();
  },
  end: (stage, who) => stage.end(OUTCOMES[who % OUTCOMES.length]!),
  wait: (stage, who) => stage.clock.advance(who % 5_000),
};

const EVENT_NAMES = Object.keys(EVENTS) as EventName[];

function weightOf(who: number): number {
  return WEIGHTS[who % WEIGHTS.length]!;
}

function stand(stage: Stage, who: number, standing: 'in' | 'ejected' | 'probing'): void {
  stage.members[who % stage.members.length]!.setStanding(standing);
  stage.renew();
}

const LONGEST = 40;
const KEYS = 50;

export function drawHistory(random: Random): Step[] {
  return Array.from({ length: 1 + random.below(LONGEST) }, () => ({
    event: EVENT_NAMES[random.below(EVENT_NAMES.length)]!,
    who: random.below(2 ** 20),
    key: drawKey(random),
    tried: Array.from({ length: Math.max(0, random.below(8) - 3) }, () => random.below(2 ** 20)),
  }));
}

function drawKey(random: Random): RoutingKey | undefined {
  const kind = random.below(3);
  if (kind === 0) return undefined;
  const key = `key-${random.below(KEYS)}`;
  return kind === 1 ? key : Buffer.from(key);
}

export interface Violation {
  /** What went wrong, after what. */
  readonly message: string;
  readonly cause: unknown;
}

/**
 * Plays a history: after each event one pick, which must give a ready endpoint, untried while there
 * is one. Undefined where all went well. The call that was picked stays in progress until an event
 * ends it.
 */
export function play(make: () => Stage, history: readonly Step[]): Violation | undefined {
  const happened: string[] = [];
  let during = 'create';
  try {
    const stage = make();
    const seen = [...stage.members];
    for (const step of history) {
      const { event, who, key } = step;
      happened.push(event);
      during = 'update or observe';
      EVENTS[event](stage, who);
      for (const member of stage.members) if (!seen.includes(member)) seen.push(member);
      const tried = step.tried.map((place) => seen[place % seen.length]!);
      during = 'pick';
      const chosen = stage.choose(key, tried.length === 0 ? undefined : tried);
      const wrong = whatIsWrong(stage, chosen, tried);
      if (wrong !== undefined) return { message: `${wrong}, after ${happened.join(', ')}`, cause: undefined };
      during = 'observe';
      stage.begin(chosen);
    }
  } catch (thrown) {
    return { message: `${during} threw ${String(thrown)}, after ${happened.join(', ') || 'nothing'}`, cause: thrown };
  }
  return undefined;
}

function whatIsWrong({ ready, intact }: Stage, chosen: unknown, tried: readonly unknown[]): string | undefined {
  if (!intact) return 'the picker changed the lists of the rotation that it was given';
  if (!(ready as readonly unknown[]).includes(chosen))
    return `pick gave ${nameOf(chosen)}, which is not in rotation.ready`;
  if (!tried.includes(chosen)) return undefined;
  const untried = ready.filter((endpoint) => !tried.includes(endpoint));
  if (untried.length === 0) return undefined;
  return `pick gave ${nameOf(chosen)}, which this call had tried, although ${untried.length} others were ready`;
}

function nameOf(chosen: unknown): string {
  const spec = (chosen as { spec?: { id?: unknown } } | null | undefined)?.spec;
  return typeof spec?.id === 'string' ? `endpoint '${spec.id}'` : String(chosen);
}

/** A history that still fails and in which no step can be left out. */
export function shrink(history: readonly Step[], fails: (shorter: readonly Step[]) => boolean): readonly Step[] {
  let shortest = history;
  for (let at = shortest.length - 1; at >= 0; at--) {
    const shorter = shortest.toSpliced(at, 1);
    if (!fails(shorter)) continue;
    shortest = shorter;
    at = shortest.length;
  }
  return shortest;
}

export function historyOf(seed: number): Step[] {
  return drawHistory(seededRandom(seed));
}
