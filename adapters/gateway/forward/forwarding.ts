import type { IncomingMessage } from 'node:http';
import type { Dispatcher } from 'undici';
import type { Timer } from '../../../src/index.js';
import { httpStatusOf, type MeshDispatchOptions } from '../../http/index.js';
import { type RawHeaders, rawHeader, responseHeaders } from '../head/response-headers.js';
import { sendInterim } from './interim.js';
import type { Passage } from './passage.js';

/** Nothing follows, whatever the headers say: RFC 9110, 6.4.1. */
const isBodiless = (method: string | undefined, status: number): boolean =>
  method === 'HEAD' || status === 204 || status === 304;

/** Reading more costs more than another connection. */
const UNREAD_BYTES = 65_536;

/**
 * One response on its way to the client: undici's handler, in its older words, which bring headers
 * as bytes.
 *
 * ## Ends
 * A client that goes aborts the request upstream. A response that breaks off breaks the client's
 * connection: never is it made to look whole (RFC 9112, 8).
 */
export class Forwarding {
  readonly #passage: Passage;
  #abort: ((reason?: Error) => void) | undefined;
  #resume: (() => void) | undefined;
  /** The response is out, or there will be none from upstream. */
  #over = false;
  #trailers = false;
  /** Bytes that Content-Length announced and that have not come. */
  #missing = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #unread = 0;

  constructor(passage: Passage) {
    this.#passage = passage;
    const { request, response } = passage;
    response.once('close', () => this.#closed());
    response.on('error', ignore);
    request.on('error', ignore);
  }

  begin(dispatcher: Dispatcher, options: MeshDispatchOptions, responseMs: number | undefined): void {
    if (responseMs !== undefined) this.#timer = this.#passage.host.clock.awaited(responseMs, () => this.refuse(504));
    dispatcher.dispatch(options as Dispatcher.DispatchOptions, this as Dispatcher.DispatchHandler);
  }

  /** Ends it in the gateway's own words, where none of the response is out. */
  refuse(status: number, detail?: string): void {
    if (this.#over) return;
    const { response } = this.#passage;
    const begun = response.headersSent;
    this.#end();
    if (begun) this.#break();
    else this.#passage.fail({ status, ...(detail !== undefined && { detail }) });
    this.#leave(`answered ${status}`);
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    if (this.#over) this.#leave('over');
  }

  onHeaders(status: number, raw: RawHeaders, resume: () => void, statusText: string): boolean {
    const passage = this.#passage;
    const { request, response } = passage;
    if (this.#over) return true;
    if (status < 200) {
      sendInterim(response, status, raw, passage.host.via);
      return true;
    }
    this.#timer?.cancel();
    if (passage.rejects(status)) {
      this.#end();
      passage.fail({ status });
      return true;
    }
    this.#resume = resume;
    this.#trailers = wantsTrailers(request) && rawHeader(raw, 'trailer') !== undefined;
    const length = rawHeader(raw, 'content-length');
    if (length !== undefined && !isBodiless(request.method, status)) this.#missing = Number(length);
    passage.begin(status, statusText, responseHeaders(raw, this.#trailers));
    // What streams begins to stream now, though its first byte may be far.
    if (length === undefined) response.flushHeaders();
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#over) {
      // Of a response that is not wanted the rest is read, so that its connection is kept.
      this.#unread += chunk.length;
      if (this.#unread > UNREAD_BYTES) this.#leave('The response is not wanted');
      return true;
    }
    const { response } = this.#passage;
    this.#passage.bytes += chunk.length;
    this.#missing -= chunk.length;
    if (this.#missing === 0) {
      // The last of it: nothing more to write at its end.
      this.#end();
      response.end(chunk);
      return true;
    }
    if (response.write(chunk)) return true;
    response.once('drain', this.#drained);
    return false;
  }

  onComplete(trailers: RawHeaders | null): void {
    if (this.#over) return;
    this.#end();
    const { response } = this.#passage;
    if (this.#trailers && trailers !== null && trailers.length > 0) {
      const pairs = responseHeaders(trailers, false);
      const list: [string, string][] = [];
      for (let i = 0; i < pairs.length; i += 2) list.push([pairs[i]!, pairs[i + 1]!]);
      response.addTrailers(list);
    }
    response.end();
  }

  onError(error: Error): void {
    if (this.#over) return;
    this.#end();
    if (this.#passage.response.headersSent) {
      this.#break();
      return;
    }
    const { status, headers } = httpStatusOf(error);
    this.#passage.fail({ status: status === 500 ? 502 : status, headers: Object.entries(headers).flat() });
  }

  #break(): void {
    const { request, response } = this.#passage;
    this.#passage.broken = true;
    // A clean end of the connection would be the end of a body without length.
    if (request.httpVersion === '1.0') request.socket.resetAndDestroy();
    else response.destroy();
  }

  readonly #drained = (): void => this.#resume?.();

  #closed(): void {
    if (this.#over) return;
    this.#end();
    this.#leave('The client is gone');
  }

  #end(): void {
    this.#over = true;
    this.#timer?.cancel();
  }

  #leave(why: string): void {
    this.#abort?.(Object.assign(new Error(why), { name: 'AbortError', code: 'UND_ERR_ABORTED' }));
  }
}

function ignore(): void {}

const wantsTrailers = ({ headers, httpVersion }: IncomingMessage): boolean =>
  httpVersion !== '1.0' && headers.te !== undefined && /(?:^|,)\s*trailers\s*(?:[,;]|$)/i.test(String(headers.te));
