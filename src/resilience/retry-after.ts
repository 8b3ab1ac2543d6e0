/**
 * What a server says about when to come back.
 */

/** The server says not to repeat the call at all. */
export const NEVER_REPEAT: number = Number.POSITIVE_INFINITY;

/**
 * Milliseconds from the HTTP field `Retry-After` (RFC 9110, 10.2.3): seconds, or a date, which is
 * compared with `wallMs`. Undefined where it is neither.
 */
export function parseRetryAfter(field: string, wallMs: number): number | undefined {
  const trimmed = field.trim();
  if (/^\d{1,9}$/.test(trimmed)) return Number(trimmed) * 1_000;
  // HTTP dates begin with the day's name; Date.parse alone would take "-5" for a year.
  if (!/^[A-Za-z]/.test(trimmed)) return undefined;
  const atMs = Date.parse(trimmed);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - wallMs);
}

/**
 * Milliseconds from gRPC's trailer `grpc-retry-pushback-ms` (gRFC A6): a number from 0 says when to
 * repeat; anything else, a negative number included, says not to: `NEVER_REPEAT`.
 */
export function parseRetryPushback(trailer: string): number {
  return /^\d{1,10}$/.test(trailer) ? Number(trailer) : NEVER_REPEAT;
}

/**
 * What a thrown thing carries of it: a number `retryAfterMs` (ours), or a `retry-after` among its
 * `headers` or those of its `response`, as a `Headers`, a map or a plain object.
 */
export function retryAfterOf(thrown: unknown, wallMs: () => number): number | undefined {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const { retryAfterMs, headers, response } = thrown as Record<string, unknown>;
  if (typeof retryAfterMs === 'number' && retryAfterMs >= 0) return retryAfterMs;
  const field = retryAfterField(headers) ?? retryAfterField((response as { headers?: unknown } | undefined)?.headers);
  return field === undefined ? undefined : parseRetryAfter(field, wallMs());
}

function retryAfterField(headers: unknown): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const { get } = headers as { get?: unknown };
  const field =
    typeof get === 'function' ? get.call(headers, 'retry-after') : (headers as Record<string, unknown>)['retry-after'];
  return typeof field === 'string' || typeof field === 'number' ? String(field) : undefined;
}
