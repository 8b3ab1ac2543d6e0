import { FairleadError } from 'fairlead';

/** Codes that say that nothing was sent. */
const NOT_SENT = new Set([
  'FAIRLEAD_SHARD_UNAVAILABLE',
  'FAIRLEAD_READ_ONLY',
  'FAIRLEAD_HANDOVER',
  'FAIRLEAD_NO_ENDPOINT',
  'FAIRLEAD_CROSS_SHARD',
  'FAIRLEAD_UNROUTABLE',
  'FAIRLEAD_RESERVED_KEY',
  // Discovery named no server in time.
  'FAIRLEAD_DEADLINE_EXCEEDED',
]);

/** Answers of a server that did nothing. */
const REFUSED = /^(READONLY|OOM|NOAUTH|LOADING|BUSY|MASTERDOWN|EXECABORT|WRONGTYPE|UNBLOCKED|ERR Protocol error)/;

/** Whether a command that failed so may have been executed; undefined: no such error is declared. */
export function judge(error: unknown): 'fail' | 'unknown' | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof FairleadError) {
    if (NOT_SENT.has(error.code)) return 'fail';
    if (error.code === 'FAIRLEAD_UNCERTAIN' || error.code === 'FAIRLEAD_PARTIAL_RESULT') return 'unknown';
    return undefined;
  }
  if (error.message === 'Command timed out') return 'unknown';
  if (REFUSED.test(error.message)) return 'fail';
  // A connection that was made while the server wanted a password.
  if (/^Stream isn't writeable and enableOfflineQueue options is false$/.test(error.message)) return 'fail';
  return undefined;
}
