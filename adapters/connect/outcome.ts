import { Code, ConnectError } from '@connectrpc/connect';
import { repeatAfter } from '../../src/adapter.js';
import { classifyError, Outcome, type Verdict } from '../../src/index.js';
import { parseRetryPushback } from '../../src/resilience/index.js';
import { isOldNews, isRefusedStream, isUnheard, networkOutcome } from './network-errors.js';

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
  const said = askUser(thrown, own);
  if (said !== undefined) return { outcome: said, repeat: repeatAfter(said), retryAfterMs };
  // As good as not sent, and no word against the server: one that says GOAWAY is about to restart.
  if (isRefusedStream(thrown)) return { outcome: Outcome.Cancelled, repeat: 'always', retryAfterMs };
  if (isUnheard(thrown)) return { outcome: Outcome.ConnectFailure, repeat: 'always', retryAfterMs };
  const outcome = networkOutcome(thrown) ?? outcomeOf(thrown.code);
  const repeat = repeatAfter(outcome);
  // The connection was lost, and another call that was on it has reported that.
  if (isOldNews(thrown)) return { outcome: Outcome.Cancelled, repeat, retryAfterMs };
  return { outcome, repeat, retryAfterMs };
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
 * gRPC's pushback (gRFC A6). `undefined` where the server said nothing; the core looks for
 * `retry-after` then.
 */
function pushbackOf(error: ConnectError): number | undefined {
  const pushback = error.metadata.get('grpc-retry-pushback-ms');
  return pushback === null ? undefined : parseRetryPushback(pushback);
}
