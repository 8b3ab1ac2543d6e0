import { constants } from 'node:http2';
import { GrpcStatus, grpcMessage } from '../common/grpc.js';
import type { Passage } from '../forward/passage.js';
import { StreamResponse } from './stream-response.js';

/** What the gateway itself has to say about a request over HTTP/2 to a service. */
export interface OwnWords {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Where it is not what the status says. */
  readonly grpc?: number | undefined;
  readonly detail?: string | undefined;
  /** The code of HTTP/2 by which the service broke off. */
  readonly resetBy?: number | undefined;
}

/** Says it in a response of its own; where that of the service has begun, breaks that off. */
export function answerOrBreak(passage: Passage, isCallOfGrpc: boolean, words: OwnWords): void {
  const { status, headers = {}, grpc, detail, resetBy } = words;
  if (passage.response.headersSent) {
    breakOff(passage, isCallOfGrpc, grpc ?? GrpcStatus.Unavailable, detail ?? 'The service broke off', resetBy);
    return;
  }
  passage.fail({
    status,
    headers: Object.entries(headers).flat(),
    ...(grpc !== undefined && { grpc }),
    ...(detail !== undefined && { detail }),
  });
}

/** The client never takes what broke off for whole. */
function breakOff(
  passage: Passage,
  isCallOfGrpc: boolean,
  grpc: number,
  message: string,
  resetBy: number | undefined,
): void {
  const { request, response } = passage;
  passage.broken = true;
  if (!(response instanceof StreamResponse)) {
    // A clean end of the connection would be the end of a body without length.
    if (request.httpVersion === '1.0') request.socket.resetAndDestroy();
    else response.destroy();
  } else if (isCallOfGrpc) {
    passage.grpcStatus = grpc;
    response.addTrailers(pairsOf(['grpc-status', String(grpc), 'grpc-message', grpcMessage(message)]));
    response.end();
  } else response.reset(resetBy ?? constants.NGHTTP2_INTERNAL_ERROR);
}

/** Headers as Node takes them in order. */
export function pairsOf(flat: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) pairs.push([flat[i]!, flat[i + 1]!]);
  return pairs;
}
