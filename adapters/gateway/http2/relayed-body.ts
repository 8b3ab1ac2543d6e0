import type { IncomingMessage } from 'node:http';
import type { ClientHttp2Stream } from 'node:http2';
import type { RepeatLedger } from '../../http/index.js';

/** What a body tells of itself. */
export interface RelayHost {
  /** There is more of it than allowed. */
  exceeded(): void;
  /** The client broke it off. */
  brokenOff(): void;
}

/**
 * The body of a request on its way to one attempt after the other. What went out is kept up to a
 * limit, so that the next attempt can have it too; streaming is not delayed.
 */
export class RelayedBody {
  readonly #request: IncomingMessage;
  readonly #host: RelayHost;
  readonly #maxBytes: number;
  readonly #replayBytes: number;
  /** How much all bodies may keep together. */
  readonly #ledger: RepeatLedger;
  #kept: Buffer[] = [];
  #bytes = 0;
  #keptBytes = 0;
  /** More went out than is kept. */
  #overflown = false;
  #touched = false;
  #ended = false;
  #over = false;
  #target: ClientHttp2Stream | undefined;

  constructor(request: IncomingMessage, maxBytes: number, replayBytes: number, ledger: RepeatLedger, host: RelayHost) {
    this.#request = request;
    this.#host = host;
    this.#maxBytes = maxBytes;
    this.#replayBytes = replayBytes;
    this.#ledger = ledger;
  }

  /** Whether an attempt from the beginning is possible. */
  get replayable(): boolean {
    return !this.#overflown;
  }

  /** The attempt that gets it from now on, from the beginning. */
  to(target: ClientHttp2Stream): void {
    this.#target = target;
    target.on('drain', () => {
      if (this.#target === target) this.#request.resume();
    });
    let go = true;
    for (const chunk of this.#kept) go = target.write(chunk);
    if (this.#ended) target.end();
    else if (!this.#touched) this.#begin();
    else if (go) this.#request.resume();
  }

  /** Nobody gets it for now. */
  hold(): void {
    this.#target = undefined;
    if (this.#touched && !this.#ended) this.#request.pause();
  }

  /** There will be no further attempt. */
  commit(): void {
    this.#forget();
    this.#overflown = true;
  }

  /** Nobody wants it any more: what comes is read and let go. */
  stop(): void {
    this.#over = true;
    this.#target = undefined;
    this.#forget();
    if (this.#touched) this.#request.resume();
  }

  #begin(): void {
    const request = this.#request;
    this.#touched = true;
    request.on('data', (chunk: Buffer) => this.#data(chunk));
    request.once('end', () => this.#end());
    request.once('aborted', () => this.#host.brokenOff());
  }

  #data(chunk: Buffer): void {
    if (this.#over) return;
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      this.#host.exceeded();
      return;
    }
    if (!this.#overflown) this.#keep(chunk);
    if (this.#target === undefined || !this.#target.write(chunk)) this.#request.pause();
  }

  #keep(chunk: Buffer): void {
    if (this.#bytes > this.#replayBytes || !this.#ledger.keep(chunk.length)) {
      this.commit();
      return;
    }
    this.#kept.push(chunk);
    this.#keptBytes += chunk.length;
  }

  #forget(): void {
    this.#kept = [];
    this.#ledger.forget(this.#keptBytes);
    this.#keptBytes = 0;
  }

  #end(): void {
    if (this.#over) return;
    // node:http2 ends a stream that was reset in the same way.
    if (this.#request.complete) {
      this.#ended = true;
      this.#target?.end();
    } else this.#host.brokenOff();
  }
}
