import type { Repeat } from '../../src/adapter.js';
import { classifyError, Outcome } from '../../src/index.js';

/** What an attempt says about its endpoint, and whether it may be made again. */
export interface HttpVerdict {
  readonly outcome: Outcome;
  readonly repeat: Repeat;
}

const TOO_MANY_REQUESTS = 429;
const NOT_IMPLEMENTED = 501;
const VERSION_NOT_SUPPORTED = 505;

/**
 * What a status says about the endpoint: 5xx is its failure, except what it does not offer (501,
 * 505); 429 asks for less load; any other 4xx is the answer of a healthy server.
 */
export function outcomeOfStatus(status: number): Outcome {
  if (status < 400) return Outcome.Success;
  if (status === TOO_MANY_REQUESTS) return Outcome.Overloaded;
  if (status < 500 || status === NOT_IMPLEMENTED || status === VERSION_NOT_SUPPORTED) return Outcome.ApplicationError;
  return Outcome.Failure;
}

/** The caller's doing, or ours: nothing is known of the endpoint by it. */
const OURS: ReadonlySet<string> = new Set([
  'UND_ERR_ABORTED',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
]);
/** Their pool was closed because the endpoint left while the request waited in it. */
const POOL_GONE: ReadonlySet<string> = new Set(['UND_ERR_CLOSED', 'UND_ERR_DESTROYED']);
const BROKEN_ANSWER = /^(HPE_|UND_ERR_(HEADERS_OVERFLOW|RESPONSE|RES_))/;

/** What undici calls the error of an answer that is no HTTP. */
export const PARSER_ERROR = 'HTTPParserError';

/**
 * What an error of undici says. `sent`: the head was about to be written, so the request may have
 * been executed (RFC 9110, 9.2.2); before that nothing was, and any method may go elsewhere.
 */
export function verdictOfError(error: unknown, sent: boolean): HttpVerdict {
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  const text = typeof code === 'string' ? code : '';
  if (!sent) {
    if (POOL_GONE.has(text)) return { outcome: Outcome.Cancelled, repeat: 'always' };
    if (OURS.has(text) || name === 'AbortError') return { outcome: Outcome.Cancelled, repeat: 'never' };
    return { outcome: Outcome.ConnectFailure, repeat: 'always' };
  }
  if (OURS.has(text) || name === 'AbortError') return { outcome: Outcome.Cancelled, repeat: 'never' };
  // undici's own error for what is no HTTP may come without its code.
  if (BROKEN_ANSWER.test(text) || name === PARSER_ERROR) return { outcome: Outcome.Failure, repeat: 'idempotent' };
  const outcome = classifyError(error);
  // A connection that came to be cannot have been refused: what says so broke later.
  if (outcome === Outcome.ConnectFailure) return { outcome: Outcome.Failure, repeat: 'idempotent' };
  // What the caller throws from its own handler or aborts with says nothing of the endpoint.
  if (outcome === Outcome.ApplicationError) return { outcome: Outcome.Cancelled, repeat: 'never' };
  return { outcome, repeat: outcome === Outcome.Cancelled ? 'never' : 'idempotent' };
}

/** Methods that do the same when they are done twice: RFC 9110, 9.2.2. */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);
