import { Code, ConnectError } from '@connectrpc/connect';
import { repeatAfter } from '../../src/adapter.js';
import { classifyError, Outcome, type Verdict } from '../../src/index.js';
import { parseRetryPushback } from '../../src/resilience/index.js';

/**
 * What a status says about the endpoint. Connect's codes are gRPC's, and so is the judgement: codes
 * by which an application answers never speak against an endpoint; UNKNOWN, INTERNAL and DATA_LOSS
 * are what servers say when a handler throws or an invariant breaks; RESOURCE_EXHAUSTED asks for
 * less load; CANCELED is the caller's wish.
 */
const OUTCOMES: Readonly<Record<Code, Outcome>> = {
  [Code.Canceled]: Outcome.Cancelled,
  [Code.Unknown]: Outcome.Failure,
  [Code.InvalidArgument]: Outcome.ApplicationError,
  [Code.DeadlineExceeded]: Outcome.Timeout,
  [Code.NotFound]: Outcome.ApplicationError,
  [Code.AlreadyExists]: Outcome.ApplicationError,
  [Code.PermissionDenied]: Outcome.ApplicationError,
  [Code.ResourceExhausted]: Outcome.Overloaded,
  [Code.FailedPrecondition]: Outcome.ApplicationError,
  [Code.Aborted]: Outcome.ApplicationError,
  [Code.OutOfRange]: Outcome.ApplicationError,
  [Code.Unimplemented]: Outcome.ApplicationError,
  [Code.Internal]: Outcome.Failure,
  [Code.Unavailable]: Outcome.Failure,
  [Code.DataLoss]: Outcome.Failure,
  [Code.Unauthenticated]: Outcome.ApplicationError,
};

/** How a call failed, as the user's `classify` sees it. */
export type ConnectStatus = ConnectError;

/** The outcome by code. A code that Connect does not know is an application's own. */
export function outcomeOf(code: Code): Outcome {
  return OUTCOMES[code] ?? Outcome.ApplicationError;
}

/** Judges what a call threw; `own` is the user's judgement and comes first. */
export function verdictOf(thrown: unknown, own: ((error: ConnectStatus) => Outcome | undefined) | undefined): Verdict {
  if (!(thrown instanceof ConnectError)) return { outcome: classifyError(thrown) };
  const retryAfterMs = pushbackOf(thrown);
  const outcome = askUser(thrown, own) ?? networkOutcome(thrown) ?? outcomeOf(thrown.code);
  return { outcome, repeat: repeatAfter(outcome), retryAfterMs };
}

function askUser(
  error: ConnectError,
  own: ((error: ConnectStatus) => Outcome | undefined) | undefined,
): Outcome | undefined {
  try {
    return own?.(error);
  } catch {
    // The user's function failed; the code speaks for itself.
    return undefined;
  }
}

/**
 * True where the stream was reset while nobody had cancelled it: the server or the connection is
 * gone. Node closes the streams of a lost session with CANCEL, of which connect-node makes
 * CANCELED, in these words only. Where the caller did cancel, the error is the caller's reason and
 * has others.
 */
export function isLostStream(error: ConnectError): boolean {
  return error.code === Code.Canceled && error.rawMessage.startsWith('http/2 stream closed with error code');
}

/** A chain of causes longer than this is a loop, or tells nothing more. */
const MAX_CAUSES = 8;

/**
 * The outcome where the network failed rather than the server. connect-node turns errors of Node
 * into codes, and a lost connection into ABORTED, by which applications answer too. What came over
 * the wire has no cause from Node; what did not come over it has one.
 */
function networkOutcome(error: ConnectError): Outcome | undefined {
  if (isLostStream(error)) return Outcome.Failure;
  let cause: unknown = error.cause;
  for (let depth = 0; depth < MAX_CAUSES && cause instanceof Error; depth++) {
    const { code } = cause as { code?: unknown };
    if (typeof code === 'string') {
      const outcome = classifyError(cause);
      if (outcome !== Outcome.ApplicationError) return outcome;
      if (code.startsWith('ERR_STREAM_') || code.startsWith('ERR_HTTP2_')) return Outcome.Failure;
    }
    cause = cause.cause;
  }
  return undefined;
}

/**
 * gRPC's pushback (gRFC A6). `undefined` where the server said nothing; the core looks for
 * `retry-after` then.
 */
function pushbackOf(error: ConnectError): number | undefined {
  const pushback = error.metadata.get('grpc-retry-pushback-ms');
  return pushback === null ? undefined : parseRetryPushback(pushback);
}
