import type { Random } from './random.js';

/**
 * 2^30 times any base is beyond any cap; more would overflow to Infinity, and 0·Infinity is NaN.
 */
const MAX_STEPS = 30;

/**
 * Milliseconds to wait before the n-th repeat (from 1): uniform between 0 and `baseMs`·2^(n-1),
 * capped at `maxMs`. This is "full jitter" of Brooker, "Exponential Backoff And Jitter" (AWS
 * Architecture Blog, 2015), which finishes the same work with the fewest calls: without jitter,
 * clients that failed together come back together.
 */
export function fullJitterMs(repeat: number, baseMs: number, maxMs: number, random: Random): number {
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(repeat - 1, MAX_STEPS));
  return random.float() * ceilingMs;
}

export interface BackoffOptions {
  /** The first wait, milliseconds. */
  readonly baseMs: number;
  /** No wait is longer, jitter included; milliseconds. */
  readonly maxMs: number;
  /** What each wait is multiplied with for the next, 1 or more. Default 2. */
  readonly factor?: number;
  /**
   * The random part of a wait, 0 to 1: it lies between `1 - jitter` times itself and itself.
   * Default 1, "full jitter" as in `fullJitterMs`. gRPC's connection backoff has 0.2 to both sides
   * (doc/connection-backoff.md).
   */
  readonly jitter?: number;
}

/** The waits of one thing that fails again and again. */
export class Backoff {
  readonly #random: Random;
  readonly #options: Required<BackoffOptions>;
  #failures = 0;

  constructor(random: Random, { baseMs, maxMs, factor = 2, jitter = 1 }: BackoffOptions) {
    this.#random = random;
    this.#options = { baseMs, maxMs, factor, jitter };
  }

  /** How many failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Counts a failure; returns the milliseconds to wait before the next attempt. */
  next(): number {
    const { baseMs, maxMs, factor, jitter } = this.#options;
    const ceilingMs = Math.min(maxMs, baseMs * factor ** Math.min(this.#failures++, MAX_STEPS));
    return jitter === 0 ? ceilingMs : ceilingMs * (1 - jitter * this.#random.float());
  }

  reset(): void {
    this.#failures = 0;
  }
}
