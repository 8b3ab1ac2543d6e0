import { invalidOption } from '../runtime/options.js';
import { readTarget } from './target.js';

/** Takes any one segment. */
export const ANY: unique symbol = Symbol('any segment');

/** The path of a route, read. */
export interface PathPattern {
  readonly segments: readonly (string | typeof ANY)[];
  /** Also all below it. */
  readonly prefix: boolean;
  /** The names of the segments in braces, in their order. */
  readonly names: readonly string[];
}

export const ANY_PATH: PathPattern = { segments: [], prefix: true, names: [] };

const ALLOWED = "a path such as '/users', '/users/*' or '/users/{id}', without dot segments";

/** Throws FAIRLEAD_INVALID_OPTION. */
export function readPathPattern(value: unknown, option: string): PathPattern {
  const refuse = (): Error => invalidOption(option, value, ALLOWED);
  if (typeof value !== 'string' || /[?#\s]/.test(value)) throw refuse();
  const prefix = value.endsWith('/*');
  const path = prefix ? value.slice(0, -2) : value;
  if (path === '' && prefix) return ANY_PATH;
  const names: string[] = [];
  const segments: (string | typeof ANY)[] = [];
  const target = readTarget(path);
  if (target === undefined) throw refuse();
  for (const segment of target.segments) {
    const name = /^\{([A-Za-z_]\w*)\}$/.exec(segment)?.[1];
    if (name === undefined && /[{}*]/.test(segment)) throw refuse();
    if (name !== undefined && names.includes(name)) throw refuse();
    if (name !== undefined) names.push(name);
    segments.push(name === undefined ? segment : ANY);
  }
  return { segments, prefix, names };
}
