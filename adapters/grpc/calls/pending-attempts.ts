import type { Clock, Timer } from '../../../src/index.js';

/** An attempt as a link of the list. */
export interface PendingAttempt {
  /** Neighbours in the list. */
  older: PendingAttempt | undefined;
  newer: PendingAttempt | undefined;
  /** The sweep before which it was picked. */
  readonly sweep: number;
  /** Takes itself out of the list. */
  abandon(): void;
}

/**
 * How long a pick may wait for its stream, credentials included; milliseconds. Long enough to fetch
 * a token, short enough that what was abandoned does not weigh on its endpoint. A call that starts
 * later still goes out; it is only not counted.
 */
const PENDING_MS = 2_000;

/**
 * Attempts of all channels that were picked and have not started, oldest first: an intrusive list,
 * so that it costs no allocation.
 */
export class PendingAttempts {
  readonly clock: Clock;
  #oldest: PendingAttempt | undefined;
  #newest: PendingAttempt | undefined;
  #sweeps = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Adds it as the newest; returns the number of sweeps so far. */
  add(attempt: PendingAttempt): number {
    attempt.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = attempt;
    else this.#newest.newer = attempt;
    this.#newest = attempt;
    this.#timer ??= this.clock.after(PENDING_MS, this.#sweep);
    return this.#sweeps;
  }

  remove(attempt: PendingAttempt): void {
    const { older, newer } = attempt;
    if (older === undefined) this.#oldest = newer;
    else older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
    attempt.older = undefined;
    attempt.newer = undefined;
  }

  /**
   * Abandons those that were there at the last sweep already, and comes again while there are any.
   */
  readonly #sweep = (): void => {
    this.#timer = undefined;
    while (this.#oldest !== undefined && this.#oldest.sweep < this.#sweeps) this.#oldest.abandon();
    this.#sweeps++;
    if (this.#oldest !== undefined) this.#timer = this.clock.after(PENDING_MS, this.#sweep);
  };
}
