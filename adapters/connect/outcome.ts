import { Code, ConnectError } from '@connectrpc/connect';
import { classifyError, Outcome } from '../../src/index.js';

/** Codes that speak against the endpoint; the numbers are gRPC's. All others are answers. */
const OUTCOMES: ReadonlyMap<Code, Outcome> = new Map<Code, Outcome>([
  [Code.Canceled, Outcome.Cancelled],
  [Code.DeadlineExceeded, Outcome.Timeout],
  [Code.ResourceExhausted, Outcome.Overloaded],
  [Code.Unknown, Outcome.Failure],
  [Code.Internal, Outcome.Failure],
  [Code.Unavailable, Outcome.Failure],
  [Code.DataLoss, Outcome.Failure],
]);

/** What a failed call says about its endpoint. A connection that never came to be is told apart by its cause. */
export function outcomeOf(thrown: unknown): Outcome {
  if (!(thrown instanceof ConnectError)) return classifyError(thrown);
  if (classifyError(thrown.cause) === Outcome.ConnectFailure) return Outcome.ConnectFailure;
  return OUTCOMES.get(thrown.code) ?? Outcome.ApplicationError;
}
