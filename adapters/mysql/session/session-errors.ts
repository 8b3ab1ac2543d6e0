import { FairleadError } from '../../../src/index.js';
import { type ErrorMeaning, isClosedBefore } from '../common/errors.js';
import { isPacket } from './ok-packet.js';

interface WithErrno {
  readonly errno?: unknown;
}

/** ER_NO_SUCH_THREAD: the connection was closed in the meantime, with all that ran on it. */
export function isUnknownThread(error: unknown): boolean {
  return (error as WithErrno | null)?.errno === 1094;
}

/** ER_QUERY_INTERRUPTED. */
export function isInterruption(error: unknown): boolean {
  return (error as WithErrno).errno === 1317;
}

/**
 * mysql2 refuses a statement on a connection that was closed while it was idle by a message alone.
 * Callers ask for a code: it is the one of a connection that is lost.
 */
export function withCode(error: unknown): unknown {
  if (!(error instanceof Error) || 'code' in error || !isClosedBefore(error)) return error;
  return Object.assign(error, { code: 'PROTOCOL_CONNECTION_LOST' });
}

/** The connection that had what is asked for is gone. */
export function forgotten(): Error {
  const message =
    'The connection of the statement that this one asks about is lost, and another one knows nothing of it. Nothing was sent.';
  return Object.assign(new Error(message), { code: 'PROTOCOL_CONNECTION_LOST' });
}

/** Says of a write that was under way when its connection broke that it may have happened. */
export function markAmbiguous(error: unknown, meaning: ErrorMeaning): unknown {
  if (meaning.effect !== 'unknown' || !(error instanceof Error) || error instanceof FairleadError) return error;
  error.message += ' (the connection was lost while the statement ran: it may have been executed)';
  return Object.assign(error, { ambiguous: true });
}

/**
 * Says of a LOAD DATA LOCAL whose stream failed that it was executed: the driver ends it there, so
 * that what came before is loaded, and has the server's answer beside the stream's error.
 */
export function markPartlyLoaded(error: unknown, answer: unknown): unknown {
  const isLoaded = error instanceof Error && isPacket(answer) && answer.affectedRows > 0;
  return isLoaded ? Object.assign(error, { ambiguous: true }) : error;
}

/**
 * The same of one without a callback, of which the driver keeps the server's answer to itself: rows
 * may have been loaded. What the server answered itself is not the stream's error.
 */
export function markMaybeLoaded(error: unknown, localStream: object | null | undefined): unknown {
  const isOfStream = localStream instanceof Object && error instanceof Error && !('sqlState' in error);
  return isOfStream ? Object.assign(error, { ambiguous: true }) : error;
}

/** A write that nothing can commit any more. */
export function rolledBack(service: string): FairleadError {
  const message =
    `autocommit is off for service '${service}', and pool.query() and pool.execute() keep no transaction between ` +
    'calls: what this statement wrote is rolled back. Take a connection, and COMMIT on it.';
  return new FairleadError('FAIRLEAD_ROLLED_BACK', message, { service });
}
