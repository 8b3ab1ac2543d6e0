import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import { grpcStatusOf, isGrpc, sendGrpcStatus } from './grpc.js';

/** What the gateway itself answers. */
export interface Answer {
  readonly status: number;
  /** Names and values in turn. */
  readonly headers?: readonly string[];
  /** Why, for the client: nothing of what lies behind the gateway. */
  readonly detail?: string;
  /** The status that a call of gRPC ends with instead. Default: what `status` says. */
  readonly grpc?: number;
}

/**
 * Sends an answer of the gateway's own, unless one was begun. `problem`: as
 * `application/problem+json` (RFC 9457), else as text. A call of gRPC gets a status of gRPC.
 */
export function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers = [], detail, grpc }: Answer,
  problem: boolean,
): void {
  if (response.headersSent || response.destroyed) return;
  const title = STATUS_CODES[status] ?? 'Error';
  if (isGrpc(request)) {
    sendGrpcStatus(response, grpc ?? grpcStatusOf(status), detail ?? title, headers);
    return;
  }
  if (status === 204) {
    response.writeHead(status, title, [...headers]);
    response.end();
    return;
  }
  const body = problem
    ? JSON.stringify({ type: 'about:blank', title, status, ...(detail !== undefined && { detail }) })
    : `${status} ${title}${detail === undefined ? '' : `: ${detail}`}\n`;
  const type = problem ? 'application/problem+json' : 'text/plain; charset=utf-8';
  const length = String(Buffer.byteLength(body));
  response.writeHead(status, title, ['content-type', type, 'content-length', length, ...headers]);
  response.end(request.method === 'HEAD' ? undefined : body);
}
