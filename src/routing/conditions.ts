import type { ValueMatch } from './route.js';

/** A request, as routes see it beside its host and path. */
export interface RoutedRequest {
  readonly method: string;
  /** The value of a header, `name` in lower case; repeated ones joined. */
  header(name: string): string | undefined;
}

/** What a route asks of a request beside host and path, read. */
export interface Conditions {
  readonly methods: ReadonlySet<string> | undefined;
  /** By name in lower case. */
  readonly headers: readonly (readonly [name: string, match: ValueMatch])[];
  readonly query: readonly (readonly [name: string, match: ValueMatch])[];
}

/** Whether headers and query are as the conditions say; the method is the caller's to compare. */
export function hold(conditions: Conditions, request: RoutedRequest, query: () => URLSearchParams): boolean {
  for (const [name, match] of conditions.headers) if (!isAs(match, request.header(name))) return false;
  for (const [name, match] of conditions.query) if (!isAs(match, query().get(name) ?? undefined)) return false;
  return true;
}

/** Whether a value is as the match says. */
export function isAs(match: ValueMatch, value: string | undefined): boolean {
  if (typeof match === 'string') return value === match;
  if ('present' in match) return match.present === (value !== undefined);
  if (value === undefined) return false;
  return 'prefix' in match ? value.startsWith(match.prefix) : match.includes(value);
}

/** The order in which conditions on one host and path are tried: negative where `a` is first. */
export function compareConditions(a: Conditions, b: Conditions): number {
  const byMethod = Number(b.methods !== undefined) - Number(a.methods !== undefined);
  return byMethod || b.headers.length - a.headers.length || b.query.length - a.query.length;
}
