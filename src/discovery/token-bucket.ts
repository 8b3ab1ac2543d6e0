import type { Clock } from '../runtime/clock.js';

/**
 * A token bucket: `burst` requests at once, then `perSecond` of them. A quiet watch answers the first change at once;
 * under a storm of changes it falls back to the steady rate, which is what coalesces them.
 */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(clock: Clock, perSecond: number, burst: number) {
    this.#clock = clock;
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = clock.now();
  }

  /** Takes a token and tells how many milliseconds to wait before it may be used; 0 while there are some left. */
  take(): number {
    const nowMs = this.#clock.now();
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs) - 1;
    this.#atMs = nowMs;
    return this.#tokens >= 0 ? 0 : -this.#tokens / this.#perMs;
  }
}
