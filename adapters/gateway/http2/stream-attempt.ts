import { type ClientHttp2Stream, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2';
import { type Endpoint, type Lease, Outcome } from '../../../src/index.js';
import type { BackSession } from './back-session.js';
import type { BackSessions } from './back-sessions.js';
import { plainHeaders } from './header-block.js';
import { wholeness } from './wholeness.js';

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_REFUSED_STREAM } = constants;

/** How an attempt without a response ended. */
export interface Broken {
  readonly error: Error;
  /** Its request cannot have been processed: RFC 9113, 8.7. */
  readonly unprocessed: boolean;
  /** Nothing came to be of the connection. */
  readonly unconnected: boolean;
  /** The code of RST_STREAM; undefined where the connection broke. */
  readonly resetBy: number | undefined;
  /** The server has said GOAWAY: it is well, and goes. */
  readonly leaving: boolean;
}

export interface AttemptListener {
  /** The request has been written, but for its body. */
  sent(stream: ClientHttp2Stream): void;
  interim(status: number, headers: string[]): void;
  /** `last`: nothing follows. */
  headers(status: number, headers: string[], fields: IncomingHttpHeaders, last: boolean): void;
  /** False: no more until `resume`. */
  data(chunk: Buffer): boolean;
  /** The whole of it has come. */
  end(trailers: string[], fields: IncomingHttpHeaders): void;
  broke(broken: Broken): void;
}

/** One request on one endpoint over HTTP/2. Hears nothing more after `end` or `cancel`. */
export class StreamAttempt {
  readonly endpoint: Endpoint;
  readonly startMs: number;
  readonly #lease: Lease;
  readonly #listener: AttemptListener;
  #giveUp: (() => void) | undefined;
  #stream: ClientHttp2Stream | undefined;
  #over = false;

  constructor(lease: Lease, listener: AttemptListener, nowMs: number) {
    this.endpoint = lease.endpoint;
    this.startMs = nowMs;
    this.#lease = lease;
    this.#listener = listener;
  }

  begin(sessions: BackSessions, headers: OutgoingHttpHeaders, endStream: boolean): void {
    this.#giveUp = sessions.take((error, session) => {
      if (this.#over) return;
      if (session !== undefined) this.#send(session, headers, endStream);
      else this.#broke({ error: error!, unconnected: true, unprocessed: true, resetBy: undefined, leaving: false });
    });
  }

  resume(): void {
    this.#stream?.resume();
  }

  /** Ends it with what it says of the endpoint. `hadMs`: how long a timeout gave it. */
  done(outcome: Outcome, hadMs?: number): void {
    this.#over = true;
    this.#lease.done(outcome, hadMs);
  }

  /** The response is whole: what is left of the upload is not wanted. */
  finish(): void {
    const stream = this.#stream;
    if (stream !== undefined && !stream.writableEnded) stream.close(NGHTTP2_CANCEL);
  }

  /** The caller wants no more of it. */
  cancel(outcome: Outcome = Outcome.Cancelled, hadMs?: number): void {
    if (this.#over) return;
    this.done(outcome, hadMs);
    this.#giveUp?.();
    this.#stream?.close(NGHTTP2_CANCEL);
  }

  #send(session: BackSession, headers: OutgoingHttpHeaders, endStream: boolean): void {
    const listener = this.#listener;
    let stream: ClientHttp2Stream;
    try {
      stream = session.request(headers, endStream);
    } catch (thrown) {
      const error = thrown as Error;
      this.#broke({ error, unconnected: false, unprocessed: true, resetBy: undefined, leaving: session.leaving });
      return;
    }
    this.#stream = stream;
    let failure: Error | undefined;
    let trailers: string[] = [];
    let trailerFields: IncomingHttpHeaders = {};
    let ended = false;
    const isWhole = wholeness(stream);
    stream.on('error', (error) => {
      failure = error;
    });
    stream.on('headers', (fields: IncomingHttpHeaders, _flags: number, raw?: unknown) => {
      if (!this.#over) listener.interim(Number(fields[':status']), plainHeaders(raw as string[]));
    });
    stream.once('response', (fields: IncomingHttpHeaders, flags: number, raw?: unknown) => {
      if (this.#over) return;
      const last = (flags & NGHTTP2_FLAG_END_STREAM) !== 0;
      listener.headers(Number(fields[':status']), plainHeaders(raw as string[]), fields, last);
    });
    stream.on('data', (chunk: Buffer) => {
      if (!this.#over && !listener.data(chunk)) stream.pause();
    });
    stream.once('trailers', (fields: IncomingHttpHeaders, _flags: number, raw?: unknown) => {
      trailerFields = fields;
      trailers = plainHeaders(raw as string[]);
    });
    stream.once('end', () => {
      if (this.#over || !isWhole()) return;
      ended = true;
      listener.end(trailers, trailerFields);
    });
    stream.once('wantTrailers', () => {
      if (!stream.closed) stream.sendTrailers({});
    });
    stream.once('close', () => {
      if (this.#over || ended) return;
      const { rstCode } = stream;
      const broke = rstCode === 0 || session.broken;
      this.#broke({
        error: failure ?? new Error(`The stream was reset (${rstCode})`),
        unconnected: false,
        unprocessed: rstCode === NGHTTP2_REFUSED_STREAM || !session.wasProcessed(stream),
        resetBy: broke ? undefined : rstCode,
        leaving: session.leaving,
      });
    });
    listener.sent(stream);
  }

  #broke(broken: Broken): void {
    this.#listener.broke(broken);
  }
}
