import { classifyError, Outcome } from '../../../src/index.js';

/**
 * What the end of a connection says about the endpoint: a loss, such as a reset, is its failure;
 * what the other side did, or this process by destroying the socket, says nothing.
 */
export function outcomeOfEnd(error: unknown): Outcome {
  if (error === undefined || error === null) return Outcome.Success;
  const outcome = classifyError(error);
  if (outcome === Outcome.Failure || outcome === Outcome.Timeout) return outcome;
  // It was connected: what says that it cannot be reached is the loss of a route.
  return outcome === Outcome.ConnectFailure ? Outcome.Failure : Outcome.Cancelled;
}
