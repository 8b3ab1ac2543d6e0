import { Code, ConnectError } from '@connectrpc/connect';
import { FairleadError, type FairleadErrorCode } from '../../src/index.js';
import { isLostConnection, isRefusedStream, isWithoutTls } from './network-errors.js';

/** The codes by which a Connect client sees fairlead's errors; the FairleadError is the `cause`. */
const CODES: Readonly<Partial<Record<FairleadErrorCode, Code>>> = {
  FAIRLEAD_NO_ENDPOINT: Code.Unavailable,
  FAIRLEAD_CLOSED: Code.Unavailable,
  FAIRLEAD_AFFINITY_LOST: Code.Unavailable,
  FAIRLEAD_CIRCUIT_OPEN: Code.Unavailable,
  FAIRLEAD_DEADLINE_EXCEEDED: Code.DeadlineExceeded,
  FAIRLEAD_CANCELLED: Code.Canceled,
  FAIRLEAD_TOO_MANY_CALLS: Code.ResourceExhausted,
  FAIRLEAD_RATE_LIMITED: Code.ResourceExhausted,
  FAIRLEAD_THROTTLED: Code.ResourceExhausted,
  FAIRLEAD_INVALID_OPTION: Code.InvalidArgument,
};

/**
 * What a client of Connect expects to catch: a ConnectError, whatever failed. A lost connection is
 * UNAVAILABLE, as in every other gRPC library: the caller who reads CANCELED did not cancel
 * anything.
 */
export function toConnectError(thrown: unknown): unknown {
  if (thrown instanceof ConnectError && isWithoutTls(thrown)) {
    const message = 'The server speaks no TLS on this port: use http:// in `baseUrl`, or its TLS port.';
    return new ConnectError(message, Code.Unavailable, undefined, undefined, thrown);
  }
  if (thrown instanceof ConnectError && isLostConnection(thrown)) {
    const message = `The connection to the server was lost: ${thrown.rawMessage}`;
    return new ConnectError(message, Code.Unavailable, undefined, undefined, thrown);
  }
  if (thrown instanceof ConnectError && isRefusedStream(thrown)) {
    const message = 'The server refused the stream before it did anything for it: it shuts down, or is full.';
    return new ConnectError(message, Code.Unavailable, undefined, undefined, thrown);
  }
  if (!(thrown instanceof FairleadError)) return thrown;
  return new ConnectError(thrown.message, CODES[thrown.code] ?? Code.Unknown, undefined, undefined, thrown);
}
