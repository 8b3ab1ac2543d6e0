import { constants } from 'node:http2';
import type { Repeat } from '../../../src/adapter.js';
import { Outcome } from '../../../src/index.js';
import { GrpcStatus } from '../common/grpc.js';
import type { Broken } from './stream-attempt.js';

/** What an attempt that failed says of its endpoint, and whether it may be made again. */
export interface StreamVerdict {
  readonly outcome: Outcome;
  readonly repeat: Repeat;
}

const BY_GRPC: readonly Outcome[] = [
  Outcome.Success, // OK
  Outcome.Cancelled, // CANCELLED
  Outcome.Failure, // UNKNOWN
  Outcome.ApplicationError, // INVALID_ARGUMENT
  Outcome.Timeout, // DEADLINE_EXCEEDED
  Outcome.ApplicationError, // NOT_FOUND
  Outcome.ApplicationError, // ALREADY_EXISTS
  Outcome.ApplicationError, // PERMISSION_DENIED
  Outcome.Overloaded, // RESOURCE_EXHAUSTED
  Outcome.ApplicationError, // FAILED_PRECONDITION
  Outcome.ApplicationError, // ABORTED
  Outcome.ApplicationError, // OUT_OF_RANGE
  Outcome.ApplicationError, // UNIMPLEMENTED
  Outcome.Failure, // INTERNAL
  Outcome.Failure, // UNAVAILABLE
  Outcome.Failure, // DATA_LOSS
  Outcome.ApplicationError, // UNAUTHENTICATED
];

/** A call of gRPC by its status; one that ends without is broken. */
export function outcomeOfGrpc(code: number | undefined): Outcome {
  return code === undefined ? Outcome.Failure : (BY_GRPC[code] ?? Outcome.ApplicationError);
}

/** As `fairlead/http` judges: 501 and 505 say what a server does not offer. */
export function outcomeOfStatus(status: number): Outcome {
  if (status < 400) return Outcome.Success;
  if (status === 429) return Outcome.Overloaded;
  return status < 500 || status === 501 || status === 505 ? Outcome.ApplicationError : Outcome.Failure;
}

/**
 * gRPC's code for a stream that its server reset (PROTOCOL-HTTP2.md, Errors); undefined for a
 * connection that broke.
 */
export function grpcOfReset(code: number | undefined): number {
  switch (code) {
    case undefined:
    case constants.NGHTTP2_REFUSED_STREAM:
      return GrpcStatus.Unavailable;
    case constants.NGHTTP2_CANCEL:
      return GrpcStatus.Cancelled;
    case constants.NGHTTP2_ENHANCE_YOUR_CALM:
      return GrpcStatus.ResourceExhausted;
    case constants.NGHTTP2_INADEQUATE_SECURITY:
      return GrpcStatus.PermissionDenied;
    default:
      return GrpcStatus.Internal;
  }
}

/** What an attempt without a response says. */
export function verdictOf({ error, unconnected, unprocessed, leaving, resetBy }: Broken): StreamVerdict {
  const { code } = error as { readonly code?: unknown };
  if (unconnected) {
    // It left while the request waited, or too many wait: nothing of the endpoint.
    const ours = code === 'UND_ERR_CLOSED' || code === 'FAIRLEAD_TOO_MANY_CALLS';
    return { outcome: ours ? Outcome.Cancelled : Outcome.ConnectFailure, repeat: 'always' };
  }
  if (unprocessed) return { outcome: leaving ? Outcome.Cancelled : Outcome.Failure, repeat: 'always' };
  const outcome = resetBy === undefined ? Outcome.Failure : outcomeOfGrpc(grpcOfReset(resetBy));
  return { outcome, repeat: 'idempotent' };
}
