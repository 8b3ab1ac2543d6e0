import type { Random } from './random.js';

/**
 * Milliseconds to wait before the n-th repeat (from 1): uniform between 0 and `baseMs`·2^(n-1), capped at `maxMs`. This
 * is "full jitter" of Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), which finishes the same
 * work with the fewest calls: without jitter, clients that failed together come back together.
 */
export function fullJitterMs(repeat: number, baseMs: number, maxMs: number, random: Random): number {
  // 2^30 times any base is beyond any cap; more would overflow to Infinity, and 0·Infinity is NaN.
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(repeat - 1, 30));
  return random.float() * ceilingMs;
}

/** The waits of one thing that fails again and again. */
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
    this.#failures++;
    return fullJitterMs(this.#failures, this.#baseMs, this.#maxMs, this.#random);
  }

  reset(): void {
    this.#failures = 0;
  }
}
