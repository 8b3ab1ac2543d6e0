import { type Metadata, status } from '@grpc/grpc-js';
import { Outcome } from '../../../src/index.js';

/**
 * What a gRPC status says about the endpoint, by code. From the status code guide
 * (grpc/doc/statuscodes.md), which lists the codes that the library itself generates, and from how
 * servers use them:
 *
 * - Codes by which an application answers (NOT_FOUND, ABORTED, UNAUTHENTICATED, …) never speak
 *   against an endpoint.
 * - UNKNOWN is what servers of every language answer when a handler throws; INTERNAL and DATA_LOSS
 *   are broken invariants. One such answer is often the application's own fault, and five in a row,
 *   from one endpoint while others answer, are the endpoint's: they count as failures.
 * - RESOURCE_EXHAUSTED asks for less load, which ejection would only move elsewhere.
 * - CANCELLED says what the caller wanted.
 */
const OUTCOMES: readonly Outcome[] = tabulate({
  [status.OK]: Outcome.Success,
  [status.CANCELLED]: Outcome.Cancelled,
  [status.UNKNOWN]: Outcome.Failure,
  [status.INVALID_ARGUMENT]: Outcome.ApplicationError,
  [status.DEADLINE_EXCEEDED]: Outcome.Timeout,
  [status.NOT_FOUND]: Outcome.ApplicationError,
  [status.ALREADY_EXISTS]: Outcome.ApplicationError,
  [status.PERMISSION_DENIED]: Outcome.ApplicationError,
  [status.RESOURCE_EXHAUSTED]: Outcome.Overloaded,
  [status.FAILED_PRECONDITION]: Outcome.ApplicationError,
  [status.ABORTED]: Outcome.ApplicationError,
  [status.OUT_OF_RANGE]: Outcome.ApplicationError,
  [status.UNIMPLEMENTED]: Outcome.ApplicationError,
  [status.INTERNAL]: Outcome.Failure,
  [status.UNAVAILABLE]: Outcome.Failure,
  [status.DATA_LOSS]: Outcome.Failure,
  [status.UNAUTHENTICATED]: Outcome.ApplicationError,
});

function tabulate(outcomes: Readonly<Record<status, Outcome>>): readonly Outcome[] {
  return Array.from({ length: 17 }, (_, code) => outcomes[code as status]);
}

/**
 * The outcome of a call by its status code. A code that gRPC does not know is an application's own.
 */
export function outcomeOf(code: status): Outcome {
  return OUTCOMES[code] ?? Outcome.ApplicationError;
}

/**
 * True where grpc-js itself ended a hedged attempt because another one won. It says so in words
 * only; CANCELLED from anywhere else has others.
 */
export function isDiscardedHedge(code: status, details: string): boolean {
  return code === status.CANCELLED && details === 'Discarded in favor of other hedged attempt';
}

/**
 * True where the server refused the stream before it did anything for it, as one does that has said
 * GOAWAY. grpc-js repeats such an attempt once and says it in words only: the endpoint is about to
 * restart, which nothing speaks against.
 */
export function isRefusedStream(code: status, details: string): boolean {
  return code === status.UNAVAILABLE && details === 'Stream refused by server';
}

/** How a call ended, as the user's `classify` sees it. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
  /** Trailers. */
  readonly metadata: Metadata;
}

/** A user's judgement; undefined leaves it to `outcomeOf`. */
export type Classify = (ended: CallStatus) => Outcome | undefined;
