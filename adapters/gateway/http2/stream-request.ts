import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import { wholeness } from './wholeness.js';

/**
 * A request of HTTP/2 in the words of node:http, as far as the gateway reads them.
 *
 * node:http2 ends the body of a stream that was reset as it ends a whole one. Here such a body
 * breaks off: what was cut is never sent on as whole (RFC 9113, 8.1.1).
 */
export class StreamRequest {
  readonly httpVersion = '2.0';
  readonly httpVersionMajor = 2;
  readonly httpVersionMinor = 0;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: Socket;
  readonly stream: ServerHttp2Stream;
  /** No body follows. */
  readonly bodiless: boolean;
  readonly #isWhole: () => boolean;

  constructor(
    stream: ServerHttp2Stream,
    socket: Socket,
    headers: IncomingHttpHeaders,
    raw: readonly string[],
    bodiless: boolean,
  ) {
    this.stream = stream;
    this.socket = socket;
    this.method = headers[':method'] ?? '';
    this.url = headers[':path'] ?? '';
    const authority = headers[':authority'];
    // RFC 9113, 8.3.1: what there is of it is the Host of a translated request.
    this.headers = authority === undefined ? headers : { ...headers, host: authority };
    this.rawHeaders = raw;
    this.bodiless = bodiless;
    this.#isWhole = wholeness(stream);
  }

  /** All of it has come. */
  get complete(): boolean {
    return this.bodiless || (this.stream.readableEnded && this.#isWhole());
  }

  get readableDidRead(): boolean {
    return this.stream.readableDidRead;
  }

  get readableEnded(): boolean {
    return this.stream.readableEnded && !this.bodiless;
  }

  async *iterator(): AsyncGenerator<Buffer> {
    const { stream } = this;
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
    if (!this.#isWhole()) throw brokenOff();
  }

  pause(): void {
    this.stream.pause();
  }

  resume(): void {
    this.stream.resume();
  }

  on(name: string, listener: (...args: never[]) => void): this {
    (this.stream as EventEmitter).on(name, listener as () => void);
    return this;
  }

  once(name: string, listener: (...args: never[]) => void): this {
    (this.stream as EventEmitter).once(name, listener as () => void);
    return this;
  }

  /** For what takes requests of node:http and reads no more of them than there is here. */
  asMessage(): IncomingMessage {
    return this as unknown as IncomingMessage;
  }
}

export const brokenOff = (): Error =>
  Object.assign(new Error('The body of the request broke off'), { code: 'UND_ERR_ABORTED' });
