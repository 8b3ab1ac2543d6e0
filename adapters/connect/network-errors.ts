import { Code, ConnectError } from '@connectrpc/connect';
import { classifyError, Outcome } from '../../src/index.js';

/** How connect-node begins what it says of a stream that was reset. */
const RESET = 'http/2 stream closed with error code';

/**
 * True where the stream was reset and the caller had not cancelled it: the server or the connection
 * is gone. Node closes the streams of a lost session with CANCEL, of which connect-node makes
 * CANCELED, in these words only. Where the caller did cancel, the error is the caller's reason and
 * has others.
 */
export function isLostStream(error: ConnectError): boolean {
  return error.code === Code.Canceled && error.rawMessage.startsWith(RESET);
}

/**
 * True where the connection is gone: as above, or by an error of Node, of which connect-node makes
 * ABORTED, by which an application answers too; but that has no error of Node behind it.
 */
export function isLostConnection(error: ConnectError): boolean {
  if (isLostStream(error)) return true;
  return error.code === Code.Aborted && networkOutcome(error) === Outcome.Failure;
}

/** The error of such a stream, in these words. */
export function lostStream(): ConnectError {
  return new ConnectError(`${RESET} CANCEL (0x8)`, Code.Canceled);
}

/**
 * True where the server refused the stream before it did anything for it: the call may be made
 * again, whatever it does (RFC 9113, 8.7). So does a server that has said GOAWAY to the streams
 * that crossed it on the way. connect-node hears of it from Node, whichever comes first: as an
 * error, or as a code.
 */
export function isRefusedStream(error: ConnectError): boolean {
  if (error.rawMessage.startsWith(`${RESET} REFUSED_STREAM`)) return !fromServer(error);
  for (const { code, message } of causesOf(error)) {
    if (code === 'ERR_HTTP2_STREAM_ERROR' && message.includes('NGHTTP2_REFUSED_STREAM')) return true;
  }
  return false;
}

/**
 * The outcome where the network failed rather than the server. connect-node turns errors of Node
 * into codes, and a lost connection into ABORTED, by which applications answer too. What came over
 * the wire has no cause from Node; what did not come over it has one.
 */
export function networkOutcome(error: ConnectError): Outcome | undefined {
  if (isLostStream(error)) return Outcome.Failure;
  for (const cause of causesOf(error)) {
    const outcome = classifyError(cause);
    if (outcome !== Outcome.ApplicationError) return outcome;
    if (cause.code.startsWith('ERR_STREAM_') || cause.code.startsWith('ERR_HTTP2_')) return Outcome.Failure;
  }
  return undefined;
}

const oldNews = new WeakSet<object>();

/** Another call has reported the loss of its connection. */
export function markOldNews(error: object): void {
  oldNews.add(error);
}

export function isOldNews(error: object): boolean {
  return oldNews.has(error);
}

const unheard = new WeakSet<object>();

/** The connection ended before the server said a word of HTTP/2: the call was not sent. */
export function unheardError(cause: unknown): ConnectError {
  const message = 'The server hung up before its first word of HTTP/2: if it speaks TLS, use https:// in `baseUrl`.';
  const error = new ConnectError(message, Code.Unavailable, undefined, undefined, cause);
  unheard.add(error);
  return error;
}

export function isUnheard(error: object): boolean {
  return unheard.has(error);
}

/** True where the server answered a TLS handshake by something else. */
export function isWithoutTls(error: ConnectError): boolean {
  for (const { code } of causesOf(error)) if (NO_TLS.has(code)) return true;
  return false;
}

/** What OpenSSL makes of plain bytes: which of these, depends on its version and on the bytes. */
const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG']);

/** connect 2.2 says it; before, what a server says in these words was taken for Node's. */
function fromServer(error: ConnectError): boolean {
  return (error as { isWireError?: boolean }).isWireError === true;
}

interface NodeError extends Error {
  readonly code: string;
}

/** A chain of causes longer than this is a loop, or adds nothing. */
const MAX_CAUSES = 8;

/** The errors of Node behind an error, from the outside in. */
function* causesOf(error: ConnectError): Generator<NodeError> {
  let cause: unknown = error.cause;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    if (typeof (cause as { code?: unknown }).code === 'string') yield cause as NodeError;
    cause = cause.cause;
  }
}

/** Whether the network failed the call, and not only its attempt to connect. */
export function isLoss(thrown: unknown): thrown is ConnectError {
  return thrown instanceof ConnectError && networkOutcome(thrown) === Outcome.Failure;
}
