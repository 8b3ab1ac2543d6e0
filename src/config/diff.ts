import { createHash } from 'node:crypto';
import { isRecord } from '../runtime/options.js';
import { isSame } from '../runtime/same.js';
import type { ConfigDocument } from './document.js';
import { type Path, pathText } from './path.js';
import { namedIn } from './removed.js';

/**
 * What becomes of a part of a service when its options change. `live`: it goes on by them, and
 * forgets nothing. `rebuild`: it begins anew, and the rest goes on. `removed`: the service takes no
 * more calls.
 */
export type ChangeEffect = 'live' | 'rebuild' | 'removed';

/** One difference between two documents. Secrets are references in both. */
export interface ConfigChange {
  /** `services.users.policy`. */
  readonly path: string;
  /** Undefined where there was nothing. */
  readonly before: unknown;
  /** Undefined where there is nothing any more. */
  readonly after: unknown;
  readonly effect: ChangeEffect;
}

/**
 * All differences by path, in the order of the documents. A list differs as a whole. `had`: the
 * services that earlier documents had, which are removed where the last mention of them goes.
 */
export function diffDocuments(
  before: ConfigDocument,
  after: ConfigDocument,
  had: ReadonlySet<string> = new Set(),
): ConfigChange[] {
  const named = namedIn(after);
  const removed = new Set([...had, ...Object.keys(before.services ?? {})].filter((name) => !named.has(name)));
  return differences(before, after, []).map(([path, was, is]) => ({
    path: pathText(path),
    before: was,
    after: is,
    effect: mentions(path, was).some((name) => removed.has(name)) ? 'removed' : effectOf(path),
  }));
}

type Difference = readonly [path: Path, before: unknown, after: unknown];

function differences(before: unknown, after: unknown, path: Path): Difference[] {
  if (isSame(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [[path, before, after]];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.flatMap((name) => differences(before[name], after[name], [...path, name]));
}

/** The services that a document names at this place. */
function mentions(path: Path, value: unknown): readonly string[] {
  const [head, name, ...deeper] = path;
  if (deeper.length > 0 || value === undefined) return [];
  if (head === 'gateway') {
    const gateway = name === undefined ? value : { [name]: value };
    return [...namedIn({ gateway } as ConfigDocument)];
  }
  if (head !== 'services' && head !== 'routing') return [];
  return name === undefined ? Object.keys(value as object) : [String(name)];
}

/**
 * The places of one document where a reference holds something else than before: with the
 * references, never with what they hold.
 */
export function diffReferences(document: unknown, before: unknown, after: unknown): ConfigChange[] {
  return differing(before, after, []).map((path) => {
    const said = path.reduce<unknown>(
      (at, name) => (at as Record<string | number, unknown> | undefined)?.[name],
      document,
    );
    return { path: pathText(path), before: said, after: said, effect: effectOf(path) };
  });
}

function differing(before: unknown, after: unknown, path: Path): Path[] {
  if (isSame(before, after)) return [];
  if (!isRecord(before) || !isRecord(after)) return [path];
  return Object.keys(after).flatMap((name) => differing(before[name], after[name], [...path, name]));
}

/** Of a service: what begins anew where it changes. */
const REBUILT =
  /^(policy|health|discovery|affinity|probes)\b|^resilience\.(breaker|breakerPerEndpoint|throttle|limits\.(adaptive|rate|window)\w*)\b/;
/** Of these, what does not. */
const KEPT = /^affinity\.(onUnavailable|drainMs|capacity|ttlMs)\b/;

/** Of a routing: the counts of an arm that selects otherwise, a canary. */
const REROUTED = /^(canary\b|split\.(name|baseline)\b|split\.arms\.[^.]+\.(tags|version|meta)\b|lanes\.label$)/;

function effectOf(path: Path): ChangeEffect {
  const [head, , ...rest] = path;
  if (head === 'resolver') return 'rebuild';
  if (head === 'routing') return REROUTED.test(path.slice(2).join('.')) ? 'rebuild' : 'live';
  if (head === 'gateway') return 'live';
  const option = (head === 'defaults' ? path.slice(1) : rest).join('.');
  return REBUILT.test(option) && !KEPT.test(option) ? 'rebuild' : 'live';
}

/** The same for documents that say the same, in every process: 16 digits of a SHA-256. */
export function hashDocument(document: unknown): string {
  return createHash('sha256').update(canonical(document)).digest('hex').slice(0, 16);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, each]) => `${JSON.stringify(name)}:${canonical(each)}`)
    .join(',')}}`;
}
