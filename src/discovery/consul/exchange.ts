import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { forgetAbort, whenAborted } from '../../runtime/abort-audience.js';
import { type Clock, judgeAfter, type Timer } from '../../runtime/clock.js';
import { toError } from '../../runtime/errors.js';
import type { BodyReader, ConsulRequest, ConsulResponse } from './transport.js';

/** Beginning of an error's body that is kept for its message; bytes. */
const TEXT_LIMIT = 300;

/** An unread body is abandoned after this much, inflated; bytes. */
const UNREAD_LIMIT = 65_536;

/** A body may take a second more per this many bytes: slower than any line we know. */
const BYTES_PER_SECOND = 65_536;

/** The event loop gets a turn after this much work on one body; milliseconds. */
const SLICE_MS = 4;

/** A request as the package made it, to be sent. */
export interface PreparedRequest {
  readonly transport: { request(options: RequestOptions): ClientRequest };
  readonly req: RequestOptions;
  readonly body?: Buffer;
}

/**
 * One request and its answer. The body goes to its reader as it comes, with no stream in between:
 * of most answers it is one piece.
 */
export class Exchange {
  readonly #request: ConsulRequest;
  readonly #clock: Clock;
  #sent: ClientRequest | undefined;
  #response: IncomingMessage | undefined;
  /** Where the body is read from: the answer, or what inflates it. */
  #source: Readable | undefined;
  #resolve!: (response: ConsulResponse) => void;
  #reject!: (error: Error) => void;
  #over = false;
  #text = '';
  #timer: Timer | undefined;
  /** When it fires: left as it is where there is more time by now, and armed again then. */
  #firesAtMs = 0;
  /** When the time is up, of which there is more with each piece. */
  #dueMs = 0;
  /** When the body began, and how much of it has come. */
  #bodyAtMs = 0;
  #bytes = 0;
  #busyMs = 0;

  constructor(request: ConsulRequest, clock: Clock) {
    this.#request = request;
    this.#clock = clock;
  }

  /** Whether the head of an answer has come. */
  get answered(): boolean {
    return this.#response !== undefined;
  }

  /** Resolves with any status, the body read to its end or to where it is of no use. */
  run({ transport, req, body }: PreparedRequest): Promise<ConsulResponse> {
    const { signal } = this.#request;
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      this.#resolve = resolve;
      this.#reject = reject;
      this.#expectProgress();
      whenAborted(signal, this.#onAbort);
      const sent = transport.request(req);
      this.#sent = sent;
      sent.on('error', this.#fail);
      sent.on('response', this.#begin);
      sent.end(body);
    });
  }

  readonly #begin = (response: IncomingMessage): void => {
    this.#response = response;
    this.#bodyAtMs = this.#clock.now();
    this.#expectProgress();
    response.on('close', () => {
      if (!response.complete) this.#fail(new Error('the connection closed in the middle of the answer'));
    });
    const source = response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip()) : response;
    if (source !== response) source.on('error', this.#fail);
    this.#source = source;
    source.on('data', this.#read);
    source.on('end', this.#complete);
  };

  /** Hands a piece to the reader, and lets the event loop turn when they were much work. */
  readonly #read = (chunk: Buffer): void => {
    if (this.#over) return;
    const startMs = this.#clock.now();
    this.#bytes += chunk.length;
    this.#expectProgress();
    try {
      const reader = this.#reader;
      if (reader === undefined) this.#skim(chunk);
      else reader.write(chunk);
    } catch (thrown) {
      this.#fail(toError(thrown));
      return;
    }
    this.#busyMs += this.#clock.now() - startMs;
    if (this.#busyMs < SLICE_MS) return;
    this.#busyMs = 0;
    this.#source?.pause();
    this.#clock.awaited(0, () => this.#source?.resume());
  };

  get #reader(): BodyReader | undefined {
    return this.#response?.statusCode === 200 ? this.#request.reader : undefined;
  }

  /** A body that nothing reads: its beginning is for a message, and its end may never come. */
  #skim(chunk: Buffer): void {
    if (this.#text.length < TEXT_LIMIT) this.#text += chunk.toString('utf8', 0, TEXT_LIMIT);
    if (this.#bytes <= UNREAD_LIMIT) return;
    this.#settle();
    this.#leave();
  }

  readonly #complete = (): void => {
    if (this.#over) return;
    try {
      this.#reader?.end?.();
    } catch (thrown) {
      this.#fail(toError(thrown));
      return;
    }
    this.#settle();
  };

  #expectProgress(): void {
    const nowMs = this.#clock.now();
    const { timeoutMs, bodyTimeoutMs = timeoutMs } = this.#request;
    this.#dueMs =
      this.#response === undefined
        ? nowMs + timeoutMs
        : Math.min(nowMs + bodyTimeoutMs, this.#bodyAtMs + this.#wholeMs(bodyTimeoutMs));
    if (this.#timer !== undefined && this.#firesAtMs <= this.#dueMs) return;
    this.#timer?.cancel();
    this.#arm(nowMs);
  }

  /** How long all of the body may take, by what came of it. */
  #wholeMs(bodyTimeoutMs: number): number {
    return bodyTimeoutMs + (this.#bytes / BYTES_PER_SECOND) * 1_000;
  }

  #arm(nowMs: number): void {
    this.#firesAtMs = this.#dueMs;
    this.#timer = judgeAfter(this.#clock, this.#dueMs - nowMs, this.#expired, 'after');
  }

  readonly #expired = (): void => {
    const nowMs = this.#clock.now();
    if (nowMs < this.#dueMs) {
      this.#arm(nowMs);
      return;
    }
    const { timeoutMs, bodyTimeoutMs = timeoutMs } = this.#request;
    const limitMs = this.#response === undefined ? timeoutMs : bodyTimeoutMs;
    const wholeMs = this.#wholeMs(bodyTimeoutMs);
    this.#fail(
      new Error(
        this.#response !== undefined && this.#bytes > 0 && this.#dueMs >= this.#bodyAtMs + wholeMs
          ? `no whole answer within ${Math.round(wholeMs)} ms: ${this.#bytes} bytes of it`
          : `no answer within ${limitMs} ms`,
      ),
    );
  };

  readonly #onAbort = (): void => this.#fail(toError(this.#request.signal.reason));

  /** Its connection is of no use to another request. */
  readonly #fail = (error: Error): void => {
    if (this.#over) return;
    this.#end();
    this.#leave();
    this.#reject(error);
  };

  #settle(): void {
    this.#end();
    const { statusCode = 0, headers } = this.#response!;
    this.#resolve({ status: statusCode, headers, text: this.#text });
  }

  #end(): void {
    this.#over = true;
    this.#timer?.cancel();
    forgetAbort(this.#request.signal, this.#onAbort);
  }

  #leave(): void {
    this.#sent?.destroy();
    this.#source?.destroy();
  }
}
