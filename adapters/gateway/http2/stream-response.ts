import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { headerBlock } from './header-block.js';
import type { StreamRequest } from './stream-request.js';

const { NGHTTP2_NO_ERROR } = constants;

/**
 * A response of HTTP/2 in the words of node:http, as far as the gateway writes them. Headers go out
 * with what follows them: those of a response that has no more are its end, as gRPC's
 * "Trailers-Only" must be.
 */
export class StreamResponse extends EventEmitter {
  readonly req: StreamRequest;
  /** Trailers may follow, whatever the headers announce. */
  mayHaveTrailers = false;
  #waits = false;
  readonly #stream: ServerHttp2Stream;
  #head: { readonly status: number; readonly headers: readonly string[] } | undefined;
  #trailers: readonly (readonly [string, string])[] = [];
  #sent = false;
  #drains = 0;
  #broken = false;

  constructor(request: StreamRequest) {
    super();
    this.req = request;
    const { stream } = request;
    this.#stream = stream;
    stream.on('drain', () => {
      this.#drains++;
      this.emit('drain');
    });
    stream.on('error', (error) => {
      if (this.listenerCount('error') > 0) this.emit('error', error);
    });
    stream.once('close', () => this.emit('close'));
    stream.once('wantTrailers', () => this.#end());
    stream.once('finish', () => {
      if (!this.#waits) this.#answered();
    });
  }

  get headersSent(): boolean {
    return this.#sent || this.#head !== undefined;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  /** It was broken off here, not by the client. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Another number when the client has taken something; undefined while nothing waits for it. */
  get progress(): number | undefined {
    return this.#stream.writableNeedDrain ? this.#drains : undefined;
  }

  get socket(): StreamRequest['socket'] {
    return this.req.socket;
  }

  writeHead(status: number, text: string | readonly string[], headers?: readonly string[]): this {
    this.#head = { status, headers: headers ?? (text as readonly string[]) };
    return this;
  }

  flushHeaders(): void {
    this.#flush(false);
  }

  /** RFC 9110, 15.2. */
  interim(status: number, headers: readonly string[]): void {
    if (this.headersSent || this.destroyed) return;
    this.#stream.additionalHeaders(headerBlock(headers, { ':status': status }));
  }

  writeContinue(): void {
    this.interim(100, []);
  }

  /** As a Writable does: false until 'drain'. */
  write(chunk: Uint8Array): boolean {
    this.#flush(false);
    return this.#writable ? this.#stream.write(chunk) : true;
  }

  addTrailers(trailers: readonly (readonly [string, string])[]): void {
    this.#trailers = trailers;
  }

  end(chunk?: Uint8Array | string): void {
    this.#flush(chunk === undefined && this.#trailers.length === 0);
    if (this.#writable) this.#stream.end(chunk);
    else this.#answered();
  }

  /** Breaks it off: it never looks whole. */
  destroy(): void {
    this.#broken = true;
    this.#stream.destroy(new Error('broken off'));
  }

  /** The same, with what the client is to hear. */
  reset(code: number): void {
    // Without trailers to come, node:http2 ends a response before it resets it.
    if (!this.#waits && this.#sent) {
      this.destroy();
      return;
    }
    this.#broken = true;
    this.#stream.close(code);
  }

  /** For what takes responses of node:http and uses no more of them than there is here. */
  asResponse(): ServerResponse {
    return this as unknown as ServerResponse;
  }

  get #writable(): boolean {
    return !this.#stream.writableEnded && !this.destroyed;
  }

  #flush(endStream: boolean): void {
    const head = this.#head;
    if (this.#sent || head === undefined) return;
    this.#sent = true;
    if (this.destroyed) return;
    const headers = headerBlock(head.headers, { ':status': head.status });
    this.#waits = !endStream && (this.mayHaveTrailers || headers.trailer !== undefined);
    this.#stream.respond(headers, { endStream, waitForTrailers: this.#waits });
  }

  #end(): void {
    if (!this.destroyed) this.#stream.sendTrailers(headerBlock(this.#trailers.flat()));
    this.#answered();
  }

  /** What else the client sends is not wanted any more: RFC 9113, 8.1. */
  #answered(): void {
    if (this.req.complete || this.destroyed) return;
    this.#broken = true;
    this.#stream.close(NGHTTP2_NO_ERROR);
  }
}
