import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Clock, Endpoint } from '../../../src/index.js';
import { httpStatusOf, type MeshDispatchOptions } from '../../http/index.js';
import { sendAnswer } from '../common/answers.js';
import { lingers } from '../common/linger.js';
import { type RawHeaders, rawHeader, responseHeaders } from '../head/response-headers.js';
import { sendInterim } from './interim.js';

/** What all forwardings of a gateway share. */
export interface ForwardContext {
  readonly clock: Clock;
  readonly via: string | undefined;
  readonly problem: boolean;
  /** The connection is to close after this response. */
  closing(): boolean;
}

/** Nothing follows, whatever the headers say: RFC 9110, 6.4.1. */
const isBodiless = (method: string | undefined, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304;

/**
 * One response on its way to the client: undici's handler, in its older words, which bring headers
 * as bytes.
 *
 * ## Ends
 * A client that goes aborts the request upstream. A response that breaks off breaks the client's
 * connection: never is it made to look whole (RFC 9112, 8).
 */
export class Forwarding {
  /** Whose response it is; undefined while there is none. */
  endpoint: Endpoint | undefined;
  readonly #context: ForwardContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  #abort: ((reason?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  /** The response is out, or there will be none. */
  #over = false;
  /** The client is gone. */
  #gone = false;
  #trailers = false;
  /** Bytes that Content-Length announced and that have not come. */
  #missing = Number.POSITIVE_INFINITY;

  constructor(context: ForwardContext, request: IncomingMessage, response: ServerResponse) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    response.once('close', () => this.#closed());
    response.on('error', ignore);
    request.on('error', ignore);
  }

  begin(dispatcher: Dispatcher, options: MeshDispatchOptions): void {
    dispatcher.dispatch(options as Dispatcher.DispatchOptions, this as Dispatcher.DispatchHandler);
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#gone) abort();
  }

  onHeaders(status: number, raw: RawHeaders, resume: () => void, statusText: string): boolean {
    const { clock, via } = this.#context;
    const response = this.#response;
    if (this.#over) return true;
    if (status < 200) {
      sendInterim(response, status, raw, via);
      return true;
    }
    this.#resume = resume;
    this.#trailers = wantsTrailers(this.#request) && rawHeader(raw, 'trailer') !== undefined;
    const headers = responseHeaders(raw, this.#trailers);
    if (via !== undefined) headers.push('via', `1.1 ${via}`);
    if (lingers(this.#request, response, clock) || this.#context.closing()) headers.push('connection', 'close');
    const length = rawHeader(raw, 'content-length');
    if (length !== undefined && !isBodiless(this.#request.method, status)) this.#missing = Number(length);
    response.writeHead(status, statusText, headers);
    // What streams begins to stream now, though its first byte may be far.
    if (length === undefined) response.flushHeaders();
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#over) return true;
    this.#missing -= chunk.length;
    if (this.#missing === 0) {
      // The last of it: nothing more to write at its end.
      this.#over = true;
      this.#response.end(chunk);
      return true;
    }
    if (this.#response.write(chunk)) return true;
    this.#response.once('drain', this.#drained);
    return false;
  }

  onComplete(trailers: RawHeaders | null): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#trailers && trailers !== null && trailers.length > 0) {
      const pairs = responseHeaders(trailers, false);
      const list: [string, string][] = [];
      for (let i = 0; i < pairs.length; i += 2) list.push([pairs[i]!, pairs[i + 1]!]);
      this.#response.addTrailers(list);
    }
    this.#response.end();
  }

  onError(error: Error): void {
    if (this.#over || this.#gone) return;
    this.#over = true;
    const response = this.#response;
    if (response.headersSent) {
      // A clean end of the connection would be the end of a body without length.
      if (this.#request.httpVersion === '1.0') this.#request.socket.resetAndDestroy();
      else response.destroy();
      return;
    }
    const { status, headers } = httpStatusOf(error);
    this.#answer(status === 500 ? 502 : status, headers);
  }

  #answer(status: number, headers: Readonly<Record<string, string>>): void {
    const list = Object.entries(headers).flat();
    if (lingers(this.#request, this.#response, this.#context.clock) || this.#context.closing()) {
      list.push('connection', 'close');
    }
    sendAnswer(this.#request, this.#response, { status, headers: list }, this.#context.problem);
  }

  readonly #drained = (): void => this.#resume?.();

  #closed(): void {
    if (this.#over) return;
    this.#gone = true;
    this.#over = true;
    this.#abort?.(Object.assign(new Error('The client is gone'), { name: 'AbortError', code: 'UND_ERR_ABORTED' }));
  }
}

function ignore(): void {}

const wantsTrailers = ({ headers, httpVersion }: IncomingMessage): boolean =>
  httpVersion === '1.1' && headers.te !== undefined && /(?:^|,)\s*trailers\s*(?:[,;]|$)/i.test(String(headers.te));
