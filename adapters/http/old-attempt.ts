import type { Duplex } from 'node:stream';
import { Attempt } from './attempt.js';
import { rawHeaderOf } from './headers.js';

type Raw = Buffer[];

/** The words of undici 6 and of undici 7's own `request`, `stream` and `fetch`. */
export interface OldHandler {
  onConnect?(abort: (reason?: Error) => void, context?: unknown): void;
  onUpgrade?(status: number, headers: Raw | null, socket: Duplex): void;
  onResponseStarted?(): void;
  onHeaders?(status: number, headers: Raw, resume: () => void, statusText: string): boolean;
  onData?(chunk: Buffer): boolean;
  onComplete?(trailers: Raw | string[] | null): void;
  onError?(error: Error): void;
  onBodySent?(chunk: unknown, total?: unknown): void;
  onRequestSent?(): void;
}

export class OldAttempt extends Attempt {
  #abort: ((reason?: Error) => void) | undefined;
  #headers: Raw | undefined;

  get #handler(): OldHandler {
    return this.exchange.handler as OldHandler;
  }

  abort(reason: unknown): void {
    this.#abort?.(reason as Error);
  }

  header(name: string): string | undefined {
    return this.#headers && rawHeaderOf(this.#headers, name);
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#abort = abort;
    if (this.finished || !this.exchange.starting(this)) {
      abort();
      return;
    }
    this.sent = true;
    this.#handler.onConnect?.(this.exchange.abort, context);
  }

  onResponseStarted(): void {
    this.#handler.onResponseStarted?.();
  }

  onBodySent(chunk: unknown, total?: unknown): void {
    if (!this.finished) this.#handler.onBodySent?.(chunk, total);
  }

  onRequestSent(): void {
    if (!this.finished) this.#handler.onRequestSent?.();
  }

  onUpgrade(status: number, headers: Raw | null, socket: Duplex): void {
    this.status = status;
    this.upgraded(socket);
    this.#handler.onUpgrade?.(status, headers, socket);
  }

  onHeaders(status: number, headers: Raw, resume: () => void, statusText: string): boolean {
    if (this.finished) return true;
    if (status < 200) return this.#handler.onHeaders?.(status, headers, resume, statusText) ?? true;
    this.status = status;
    this.#headers = headers;
    const accepted = this.exchange.accepts(this, status);
    this.#headers = undefined;
    if (!accepted) return true;
    const go = this.#handler.onHeaders?.(status, headers, () => this.#resume(resume), statusText) ?? true;
    if (this.isBodiless()) {
      this.onComplete([]);
      return true;
    }
    if (!go) this.paused();
    return go;
  }

  #resume(resume: () => void): void {
    this.resumed();
    resume();
  }

  onData(chunk: Buffer): boolean {
    if (this.finished) return true;
    this.received += chunk.length;
    const go = this.#handler.onData?.(chunk) ?? true;
    if (!go) this.paused();
    return go;
  }

  onComplete(trailers: Raw | string[] | null): void {
    if (this.finished) return;
    this.exchange.completing(this);
    try {
      this.#handler.onComplete?.(trailers);
    } catch (thrown) {
      this.exchange.threw(thrown as Error);
    }
  }

  onError(error: Error): void {
    this.exchange.failed(this, error);
  }
}
