import type { StickySessions } from '../affinity/sticky-sessions.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { Outcome } from '../runtime/outcome.js';
import { CallLease, type LeaseHost } from './lease.js';

/** A call of a session, which does not end while the call is in progress. */
export class SessionLease<E extends Endpoint> extends CallLease<E> {
  readonly #name: string;
  readonly #turn: number;
  #sticky: StickySessions | undefined;

  constructor(owner: LeaseHost<E>, endpoint: E, startTick: number, sticky: StickySessions, name: string) {
    super(owner, endpoint, startTick);
    this.#sticky = sticky;
    this.#name = name;
    this.#turn = sticky.hold(name);
  }

  override done(outcome: Outcome, hadMs?: number): Outcome {
    const judged = super.done(outcome, hadMs);
    const sticky = this.#sticky;
    this.#sticky = undefined;
    sticky?.release(this.#name, this.#turn);
    return judged;
  }
}
