import { fields, number, optional, positive, type Reader, required, type Schema } from './options.js';

export interface RateOptions {
  /** Calls per second in the long run; above 0 to 1,000,000,000. */
  readonly perSecond: number;
  /** Calls at once after a pause. Default: one second's worth, at least 1; 1 to 1,000,000,000. */
  readonly burst?: number;
}

export interface RateSettings {
  readonly perSecond: number;
  readonly burst: number;
}

/**
 * A token bucket: `burst` tokens, refilled at `perSecond`, one taken per call. Over any period of T
 * seconds it admits at most `burst` + `perSecond`·T calls.
 *
 * Kept as one number, the time at which the bucket will be full again: the "generic cell rate
 * algorithm" (ITU-T I.371), which is the same limit without a timer that refills. O(1), no
 * allocation.
 */
export class TokenBucket {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  #fullAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: RateOptions) {
    const { perSecond, burst } = readRate(options, 'rate');
    this.#intervalMs = 1_000 / perSecond;
    this.#slackMs = (burst - 1) * this.#intervalMs;
  }

  /** Milliseconds until there is a token; 0 where there is one. */
  waitMs(nowMs: number): number {
    const waitMs = this.#fullAtMs - this.#slackMs - nowMs;
    return waitMs > 0 ? waitMs : 0;
  }

  /** Takes a token and returns 0, or takes none and returns the milliseconds until there is one. */
  tryAcquire(nowMs: number): number {
    const waitMs = this.waitMs(nowMs);
    if (waitMs === 0) this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#intervalMs;
    return waitMs;
  }

  /**
   * Takes a token in any case, one that is not there yet where there is none, and returns the
   * milliseconds until it may be used: for work that is put off rather than refused.
   */
  reserve(nowMs: number): number {
    const waitMs = this.waitMs(nowMs);
    this.#fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#intervalMs;
    return waitMs;
  }

  /** Puts a token back that was taken for a call which was not made. */
  giveBack(): void {
    this.#fullAtMs -= this.#intervalMs;
  }
}

/** Readers of a rate, for options that have more. */
export const rateSchema: Schema<{ readonly perSecond: number; readonly burst: number | undefined }> = {
  perSecond: required(positive(1, 1e9), 'a number above 0, to 1,000,000,000'),
  burst: optional(number(1, 1, 1e9)),
};

export function completeRate({ perSecond, burst }: { perSecond: number; burst: number | undefined }): RateSettings {
  return { perSecond, burst: burst ?? Math.max(1, perSecond) };
}

export const readRate: Reader<RateSettings> = fields(rateSchema, completeRate);
