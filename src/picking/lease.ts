import type { Endpoint } from '../endpoint/endpoint.js';
import { Outcome } from '../runtime/outcome.js';

/** One call in progress on one endpoint. */
export interface Lease extends Disposable {
  readonly endpoint: Endpoint;
  /** Ends it. Idempotent: only the first call counts. Disposing without it counts as cancelled. */
  done(outcome: Outcome): void;
}

/** Who is told when a lease ends. */
export interface LeaseOwner<E extends Endpoint> {
  finish(lease: object, endpoint: E, startTick: number, outcome: Outcome): void;
}

/** A fresh small object per call: 48 bytes. Pooled ones would alias: a late `done` would end somebody else's call. */
export class CallLease<E extends Endpoint> implements Lease {
  readonly endpoint: E;
  #owner: LeaseOwner<E> | undefined;
  readonly #startTick: number;

  constructor(owner: LeaseOwner<E>, endpoint: E, startTick: number) {
    this.endpoint = endpoint;
    this.#owner = owner;
    this.#startTick = startTick;
  }

  done(outcome: Outcome): void {
    const owner = this.#owner;
    if (owner === undefined) return;
    this.#owner = undefined;
    owner.finish(this, this.endpoint, this.#startTick, outcome);
  }

  [Symbol.dispose](): void {
    this.done(Outcome.Cancelled);
  }
}
