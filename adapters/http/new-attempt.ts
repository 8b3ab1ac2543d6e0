import type { IncomingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import { Attempt } from './attempt.js';

type Controller = Dispatcher.DispatchController;

/** The words of interceptors, and of undici 8. */
export interface NewHandler {
  onRequestStart?(controller: Controller, context: unknown): void;
  onRequestUpgrade?(controller: Controller, status: number, headers: IncomingHttpHeaders, socket: Duplex): void;
  onResponseStart?(controller: Controller, status: number, headers: IncomingHttpHeaders, message?: string): void;
  onResponseData?(controller: Controller, chunk: Buffer): void;
  onResponseEnd?(controller: Controller, trailers: IncomingHttpHeaders): void;
  onResponseError?(controller: Controller, error: Error): void;
}

export class NewAttempt extends Attempt {
  controller: Controller | undefined;
  #headers: IncomingHttpHeaders | undefined;

  get #handler(): NewHandler {
    return this.exchange.handler as NewHandler;
  }

  abort(reason: unknown): void {
    this.controller?.abort(reason as Error);
  }

  header(name: string): string | undefined {
    return firstOf(this.#headers?.[name]);
  }

  pause(): void {
    this.controller?.pause();
    this.paused();
  }

  resume(): void {
    this.resumed();
    this.controller?.resume();
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.controller = controller;
    if (this.finished || !this.exchange.starting(this)) {
      controller.abort(new Error('the exchange is over'));
      return;
    }
    this.sent = true;
    const stable = this.exchange.controller;
    stable.serve(this);
    if (this.exchange.announces()) this.#handler.onRequestStart?.(stable, context);
  }

  onRequestUpgrade(_: Controller, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    this.status = status;
    this.upgraded(socket);
    this.#handler.onRequestUpgrade?.(this.exchange.controller, status, headers, socket);
  }

  onResponseStart(_: Controller, status: number, headers: IncomingHttpHeaders, message?: string): void {
    if (this.finished) return;
    const stable = this.exchange.controller;
    if (status >= 200) {
      this.status = status;
      this.#headers = headers;
      const accepted = this.exchange.accepts(this, status);
      this.#headers = undefined;
      if (!accepted) return;
      stable.serve(this);
    }
    this.#handler.onResponseStart?.(stable, status, headers, message);
    if (status >= 200 && this.isBodiless()) this.onResponseEnd(_, {});
  }

  onResponseData(_: Controller, chunk: Buffer): void {
    if (this.finished) return;
    this.received += chunk.length;
    this.#handler.onResponseData?.(this.exchange.controller, chunk);
  }

  onResponseEnd(_: Controller, trailers: IncomingHttpHeaders): void {
    if (this.finished) return;
    this.exchange.completing(this);
    try {
      this.#handler.onResponseEnd?.(this.exchange.controller, trailers);
    } catch (thrown) {
      this.exchange.threw(thrown as Error);
    }
  }

  onResponseError(_: Controller, error: Error): void {
    this.exchange.failed(this, error);
  }
}

const firstOf = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value);
