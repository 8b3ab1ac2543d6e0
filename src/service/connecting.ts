import type { Endpoint } from '../endpoint/endpoint.js';
import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { toError } from '../runtime/errors.js';
import { Outcome } from '../runtime/outcome.js';
import type { CallPlanning } from './call-planning.js';
import type { Service } from './contract.js';

export interface ConnectingContext {
  readonly service: Service;
  /** Of that service. */
  readonly planning: CallPlanning;
  readonly clock: Clock;
}

/**
 * Connects to one endpoint and calls `done` once, later: with the error, or with what came to be.
 * Returns what gives the attempt up; after that `done` is not heard.
 */
export type Dial<T> = (endpoint: Endpoint, done: (error: Error | undefined, made?: T) => void) => () => void;

/** Called once: with the error, or with the lease, which is the caller's to end, and the rest. */
export type Connected<T> = (error: Error | undefined, lease?: Lease, made?: T) => void;

/**
 * For adapters whose calls are connections: connects to an endpoint of the service, and where that
 * fails to another one, because nothing was sent. The service's `retry` and its budget say how
 * often; it waits `waitForReadyMs` for the first endpoints. A failed attempt counts as a connect
 * failure of its endpoint.
 */
export class Connecting<T> {
  readonly #context: ConnectingContext;
  readonly #request: AcquireRequest;
  readonly #dial: Dial<T>;
  readonly #connected: Connected<T>;
  readonly #tried: Endpoint[] = [];
  #lease: Lease | undefined;
  #giveUp: (() => void) | undefined;
  #timer: Timer | undefined;
  #patience: AbortController | undefined;
  #over = false;

  /** Begins at once. `connected` may be called before this returns, where there is no endpoint. */
  constructor(context: ConnectingContext, request: AcquireRequest, dial: Dial<T>, connected: Connected<T>) {
    this.#context = context;
    this.#request = request;
    this.#dial = dial;
    this.#connected = connected;
    context.planning.begun();
    if (context.service.rotation.length > 0) this.#attempt(undefined);
    else this.#wait();
  }

  /** The caller wants it no more: `connected` is not called. Idempotent. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#patience?.abort();
    this.#giveUp?.();
    this.#lease?.done(Outcome.Cancelled);
  }

  #wait(): void {
    const patience = new AbortController();
    this.#patience = patience;
    void this.#context.planning.firstEndpoint(patience.signal).then(() => {
      if (!this.#over) this.#attempt(undefined);
    });
  }

  #attempt(last: Error | undefined): void {
    let lease: Lease;
    try {
      lease = this.#context.service.acquire({ ...this.#request, tried: this.#tried });
    } catch (thrown) {
      // What went wrong before matters more than that there is no other endpoint.
      this.#end(last ?? toError(thrown));
      return;
    }
    this.#tried.push(lease.endpoint);
    this.#lease = lease;
    this.#giveUp = this.#dial(lease.endpoint, (error, made) => {
      if (this.#over) return;
      this.#lease = undefined;
      this.#giveUp = undefined;
      if (error === undefined) this.#end(undefined, lease, made);
      else this.#failed(lease, error);
    });
  }

  #failed(lease: Lease, error: Error): void {
    lease.done(Outcome.ConnectFailure);
    const { service, planning, clock } = this.#context;
    const delayMs = planning.nextDelayMs({
      repeat: 'always',
      idempotent: false,
      retryAfterMs: undefined,
      attempts: this.#tried.length,
      elsewhere: service.rotation.some((endpoint) => !this.#tried.includes(endpoint)),
    });
    if (delayMs < 0) this.#end(error);
    else this.#timer = clock.awaited(delayMs, () => this.#attempt(error));
  }

  #end(error: Error | undefined, lease?: Lease, made?: T): void {
    this.#over = true;
    this.#connected(error, lease, made);
  }
}
