import type { Random } from '../runtime/random.js';

/**
 * Exponential backoff with full jitter: a uniform draw between 0 and `baseMs · 2^failures`, capped. Clients that failed
 * together do not return together. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
 */
export class Backoff {
  readonly #random: Random;
  readonly #baseMs: number;
  readonly #maxMs: number;
  #failures = 0;

  constructor(random: Random, baseMs: number, maxMs: number) {
    this.#random = random;
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
  }

  /** Counts a failure; the milliseconds to wait before the next attempt. */
  next(): number {
    const ceilingMs = Math.min(this.#maxMs, this.#baseMs * 2 ** this.#failures);
    // The count stops where the cap is reached, so that 2^failures cannot overflow in a week-long outage.
    if (ceilingMs < this.#maxMs) this.#failures++;
    return this.#random.float() * ceilingMs;
  }

  reset(): void {
    this.#failures = 0;
  }
}
