import type { IncomingMessage, ServerResponse } from 'node:http';

/** Codes of gRPC that the gateway itself ends calls with: grpc/doc/statuscodes.md. */
export const GrpcStatus = {
  Ok: 0,
  Cancelled: 1,
  Unknown: 2,
  DeadlineExceeded: 4,
  PermissionDenied: 7,
  ResourceExhausted: 8,
  Unimplemented: 12,
  Internal: 13,
  Unavailable: 14,
  Unauthenticated: 16,
} as const;

const GRPC = /^application\/grpc(?:[+;]|\s*$)/i;

/** Whether it is a call of gRPC, which is one over HTTP/2 alone; gRPC-Web is not. */
export const isGrpc = ({ httpVersionMajor, headers }: IncomingMessage): boolean =>
  httpVersionMajor === 2 && GRPC.test(headers['content-type'] ?? '');

/** gRPC's codes for the statuses that the gateway has for HTTP. */
const BY_STATUS: Readonly<Record<number, number>> = {
  400: GrpcStatus.Internal,
  401: GrpcStatus.Unauthenticated,
  403: GrpcStatus.PermissionDenied,
  404: GrpcStatus.Unimplemented,
  405: GrpcStatus.Unimplemented,
  408: GrpcStatus.DeadlineExceeded,
  413: GrpcStatus.ResourceExhausted,
  429: GrpcStatus.ResourceExhausted,
  431: GrpcStatus.ResourceExhausted,
  499: GrpcStatus.Cancelled,
  502: GrpcStatus.Unavailable,
  503: GrpcStatus.Unavailable,
  504: GrpcStatus.DeadlineExceeded,
  508: GrpcStatus.Internal,
};

export const grpcStatusOf = (status: number): number => BY_STATUS[status] ?? GrpcStatus.Unknown;

/** A message as `grpc-message` has it: percent-encoded UTF-8 (PROTOCOL-HTTP2.md, Responses). */
export const grpcMessage = (text: string): string =>
  text.replace(/[^\x20-\x24\x26-\x7e]+/g, (each) =>
    Array.from(Buffer.from(each), (byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  );

/** Ends a call before there is a response: headers alone, "Trailers-Only". */
export function sendGrpcStatus(
  response: ServerResponse,
  code: number,
  message: string,
  headers: readonly string[] = [],
): void {
  const own = ['content-type', 'application/grpc', 'grpc-status', String(code), 'grpc-message', grpcMessage(message)];
  response.writeHead(200, 'OK', [...own, ...headers]);
  response.end();
}
