import type { IncomingHttpHeaders } from 'node:http2';
import type { experimental } from '@grpc/grpc-js';

type RealSubchannel = ReturnType<experimental.SubchannelInterface['getRealSubchannel']>;

/** How grpc-js starts an attempt on a picked connection. */
export type CreateCall = RealSubchannel['createCall'];
export type Stream = ReturnType<CreateCall>;
export type StreamListener = Parameters<CreateCall>[3];

/**
 * The same connection, on which attempts are started by `createCall`: what grpc-js is given as the
 * pick.
 */
export function connectionWith(
  subchannel: experimental.SubchannelInterface,
  createCall: CreateCall,
): experimental.SubchannelInterface {
  const real: Pick<RealSubchannel, 'createCall'> = { createCall };
  // All else that grpc-js asks of a picked connection goes to the connection itself.
  return Object.create(subchannel, { getRealSubchannel: { value: () => real } });
}

/** What grpc-js keeps in a stream, as far as it is looked at here: optional, as it may go. */
interface StreamParts {
  readonly http2Stream?: { on?(event: 'trailers', heard: (headers: IncomingHttpHeaders) => void): void };
}

/** Calls `ended` when trailers arrive: the server has said all, whether or not it was read. */
export function whenServerEnds(stream: Stream, ended: (trailers: IncomingHttpHeaders) => void): void {
  (stream as StreamParts).http2Stream?.on?.('trailers', ended);
}
