import type { Clock, Timer } from '../runtime/clock.js';

/** Renewals of a session in use per TTL: so exact is the end of its time. */
const RENEWALS = 8;

/**
 * Sessions with a call in progress. A session ends when it was not used for its TTL; a call that
 * takes longer than that is use, so such sessions are renewed while it lasts, and when it ends. One
 * timer for all of them, none while there are none.
 */
export class SessionsInUse {
  readonly #clock: Clock;
  #everyMs: number;
  #renew: (name: string) => void;
  /** How many calls each has. */
  readonly #calls = new Map<string, number>();
  #timer: Timer | undefined;
  /** How often the timer has fired. */
  #turns = 0;
  #closed = false;

  constructor(clock: Clock, ttlMs: number, renew: (name: string) => void) {
    this.#clock = clock;
    this.#everyMs = ttlMs / RENEWALS;
    this.#renew = renew;
  }

  /** Sessions have another TTL, and are kept elsewhere: from now on. */
  follow(ttlMs: number, renew: (name: string) => void): void {
    this.#everyMs = ttlMs / RENEWALS;
    this.#renew = renew;
    if (this.#timer === undefined) return;
    this.#timer.cancel();
    this.#arm();
  }

  /** A call began. Returns what to hand to `release`. */
  hold(name: string): number {
    this.#calls.set(name, (this.#calls.get(name) ?? 0) + 1);
    if (this.#timer === undefined) this.#arm();
    return this.#turns;
  }

  /** A call ended. One that took no time to speak of renews nothing. */
  release(name: string, turn: number): void {
    const calls = this.#calls.get(name);
    if (calls === undefined) return;
    if (calls > 1) this.#calls.set(name, calls - 1);
    else this.#calls.delete(name);
    if (turn !== this.#turns) this.#renew(name);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#calls.clear();
  }

  #arm(): void {
    if (this.#closed) return;
    this.#timer = this.#clock.after(this.#everyMs, () => {
      this.#timer = undefined;
      this.#turns++;
      for (const name of this.#calls.keys()) this.#renew(name);
      if (this.#calls.size > 0) this.#arm();
    });
  }
}
