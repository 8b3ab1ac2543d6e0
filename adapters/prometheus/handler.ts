import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Format } from './text.js';

/** What is needed of a reply of Fastify. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(body: string): unknown;
}

/** What is needed of a request: node:http's, Express's, or Fastify's. */
export type RequestLike = Pick<IncomingMessage, 'headers'> & { readonly method?: string | undefined };

export type Respond = (request: RequestLike, response: ServerResponse | FastifyReplyLike) => void;

/** Answers GET and HEAD of any path, in the format that the request asks for. */
export function handlerFor(page: (format: Format) => { readonly type: string; readonly body: string }): Respond {
  return (request, response) => {
    const method = request.method ?? 'GET';
    if (method !== 'GET' && method !== 'HEAD') {
      answer(response, 405, 'text/plain; charset=utf-8', 'GET only\n');
      return;
    }
    const { type, body } = page(wanted(request.headers.accept));
    answer(response, 200, type, body);
  };
}

/** Prometheus lists the formats that it knows; OpenMetrics where it is among them. */
function wanted(accept: string | undefined): Format {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'text';
}

function answer(response: ServerResponse | FastifyReplyLike, status: number, type: string, body: string): void {
  if ('raw' in response) {
    response.code(status);
    response.header('content-type', type);
    response.send(body);
    return;
  }
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  // Node leaves the body out where HEAD was asked.
  response.end(body);
}
