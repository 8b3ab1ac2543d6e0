import { ConnectError } from '@connectrpc/connect';
import { FairleadError } from 'fairlead';

/** CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const POSSIBLE = new Set([1, 2, 4, 8, 13, 14, 15]);
/** INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION: the server answered. */
const ANSWERED = new Set([3, 5, 9]);

/** Whether a call that failed so may have reached a server; undefined: no such error is declared. */
export function judge(error: unknown): 'fail' | 'unknown' | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  if (/Nothing was sent/.test(error.message)) return 'fail';
  const cause = error instanceof ConnectError ? error.cause : undefined;
  if (cause instanceof FairleadError && cause.code === 'FAIRLEAD_NO_ENDPOINT') return 'fail';
  if (typeof code !== 'number') return undefined;
  return POSSIBLE.has(code) || ANSWERED.has(code) ? 'unknown' : undefined;
}
