import type { IncomingMessage, ServerResponse } from 'node:http';

/** What is needed of a request of Fastify; those of node:http and Express are node's own. */
export interface FastifyRequestLike {
  readonly raw: IncomingMessage;
  readonly body?: unknown;
}

/** What is needed of a reply of Fastify. */
export interface FastifyReplyLike {
  readonly raw: ServerResponse;
  hijack(): unknown;
}

export type AnyRequest = (IncomingMessage & { readonly body?: unknown }) | FastifyRequestLike;
export type AnyResponse = ServerResponse | FastifyReplyLike;

/** A request as node:http has it, whichever server it came through. */
export interface PlainRequest {
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  /** What a server has read of its body already. */
  readonly body: unknown;
}

export function plainRequest(request: AnyRequest, response: AnyResponse): PlainRequest {
  if ('hijack' in response) {
    // Fastify answers no more: this does.
    response.hijack();
    const { raw, body } = request as FastifyRequestLike;
    return { message: raw, response: response.raw, body };
  }
  const message = request as IncomingMessage & { readonly body?: unknown };
  return { message, response, body: message.body };
}

/** A change is a few words. */
const MAX_BODY = 65_536;

/** The body as JSON. Rejects where it is too long, not JSON, or no object. */
export async function readBody({ message, body }: PlainRequest): Promise<Readonly<Record<string, unknown>>> {
  const value = body === undefined ? JSON.parse(await readText(message)) : body;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new SyntaxError('The body is not an object.');
}

async function readText(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of message) {
    length += (chunk as Buffer).length;
    if (length > MAX_BODY) throw new SyntaxError(`The body is longer than ${MAX_BODY} bytes.`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}
