import { constants } from 'node:http2';
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
 * How an attempt ends whose stream the server refused before it did anything for it, as one does
 * that has said GOAWAY: grpc-js repeats one such attempt, and as many more as a policy of retries
 * says of this code. No server sends it and no caller sees it: to them it is UNAVAILABLE.
 */
export const REFUSED_STREAM = 1_001 as status;

/** Whether a stream ended so. A server that says so in words has been asked. */
export function isRefusedStream(ended: object): boolean {
  return (ended as { readonly rstCode?: number }).rstCode === constants.NGHTTP2_REFUSED_STREAM;
}

/** The code as it is outside. */
export function publicCode(code: status): status {
  return code === REFUSED_STREAM ? status.UNAVAILABLE : code;
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
