import { FairleadError } from 'fairlead';

/** Codes that say that nothing was sent, or that nothing of it remains. */
const NOT_DONE = new Set([
  'FAIRLEAD_NO_CONNECTION',
  'FAIRLEAD_NO_PRIMARY',
  'FAIRLEAD_TWO_PRIMARIES',
  'FAIRLEAD_NO_ENDPOINT',
  'FAIRLEAD_DEADLINE_EXCEEDED',
  // Where the primary that a session is tied to has become a replica.
  'FAIRLEAD_UNROUTABLE',
]);

/** Answers of a server that did nothing: read-only, a duplicate key, a lock that is taken, a deadlock. */
const REFUSED = new Set([1290, 1836, 1062, 1205, 1213, 1040, 1045, 3032, 4031]);

interface Shown {
  readonly ambiguous?: unknown;
  readonly errno?: unknown;
  readonly code?: unknown;
}

/** Lost on its way. What may have happened all the same is `ambiguous`. */
const LOST = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ER_SERVER_SHUTDOWN',
]);

/**
 * Whether a statement that failed so may have been executed: what may says so (`ambiguous`). What a
 * server aborts while it runs says it by its own number.
 */
export function judge(error: unknown): 'fail' | 'unknown' | undefined {
  if (!(error instanceof Error)) return undefined;
  const { ambiguous, errno, code } = error as Shown;
  if (ambiguous === true) return 'unknown';
  if (error instanceof FairleadError) return NOT_DONE.has(error.code) ? 'fail' : undefined;
  if (REFUSED.has(Number(errno)) || REFUSED.has(Number(code))) return 'fail';
  if (LOST.has(String(code))) return 'fail';
  // A statement that a corrupted byte made another one.
  if (Number(errno) === 1064) return 'fail';
  return undefined;
}
