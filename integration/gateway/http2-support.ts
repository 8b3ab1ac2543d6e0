import { once } from 'node:events';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders;
  /** Statuses of interim responses, in their order. */
  readonly interim: readonly number[];
  /** Of RST_STREAM. */
  readonly code: number;
}

/** A connection of node:http2. */
export class Http2Client implements AsyncDisposable {
  readonly session: ClientHttp2Session;
  goaways: number[] = [];

  constructor(url: string, options: SecureClientSessionOptions = {}) {
    this.session = connect(url, options);
    this.session.on('error', () => {});
    this.session.on('goaway', (code) => this.goaways.push(code));
  }

  stream(headers: OutgoingHttpHeaders, endStream = false): ClientHttp2Stream {
    // So that `close` resets it, and does not end it before.
    const stream = this.session.request({ ':path': '/', ...headers }, { endStream, waitForTrailers: !endStream });
    stream.on('error', () => {});
    stream.once('wantTrailers', () => {
      if (!stream.closed) stream.sendTrailers({});
    });
    return stream;
  }

  ask(headers: OutgoingHttpHeaders = {}, body?: string | Buffer): Promise<Reply> {
    const stream = this.stream(headers, body === undefined);
    if (body !== undefined) stream.end(body);
    return replyOf(stream);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    await Promise.resolve();
  }
}

/** Waits for the end of a stream, whatever it is. */
export async function replyOf(stream: ClientHttp2Stream): Promise<Reply> {
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const interim: number[] = [];
  const chunks: Buffer[] = [];
  stream.on('response', (fields) => {
    headers = fields;
  });
  stream.on('headers', (fields) => interim.push(Number(fields[':status'])));
  stream.on('trailers', (fields) => {
    trailers = fields;
  });
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  if (!stream.destroyed) await new Promise((resolve) => void stream.once('close', resolve));
  const body = Buffer.concat(chunks).toString('latin1');
  return { status: Number(headers[':status'] ?? 0), headers, body, trailers, interim, code: stream.rstCode ?? 0 };
}

type Respond = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void | Promise<void>;

/** A server of HTTP/2 without TLS, in this process. */
export class Http2Origin implements AsyncDisposable {
  readonly requests: IncomingHttpHeaders[] = [];
  readonly sessions: Set<ServerHttp2Session> = new Set();
  connections = 0;
  readonly #server: Http2Server;

  private constructor(respond: Respond, options: ServerOptions) {
    this.#server = createServer(options);
    this.#server.on('session', (session) => {
      this.connections++;
      this.sessions.add(session);
      session.on('error', () => {}).on('close', () => this.sessions.delete(session));
    });
    this.#server.on('stream', (stream, headers) => {
      this.requests.push(headers);
      stream.on('error', () => {});
      void respond(stream, headers);
    });
  }

  static async of(respond: Respond, options: ServerOptions = {}): Promise<Http2Origin> {
    const origin = new Http2Origin(respond, options);
    origin.#server.listen(0, '127.0.0.1');
    await once(origin.#server, 'listening');
    return origin;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get last(): IncomingHttpHeaders {
    const last = this.requests.at(-1);
    if (last === undefined) throw new Error('the origin got no request');
    return last;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.sessions) session.destroy();
    this.#server.close();
    await Promise.resolve();
  }
}

/** Answers with what it got. */
export const echo: Respond = (stream) => {
  stream.respond({ ':status': 200 });
  stream.pipe(stream);
};

export async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1_000 && !holds(); i++) await pause(5);
  if (!holds()) throw new Error(`never came: ${what}`);
}
