import { integer, number, optional, type Reader, readOptions } from '../runtime/options.js';
import { type RateOptions, type RateSettings, readRate } from '../runtime/token-bucket.js';

export interface KeyedRateOptions extends RateOptions {
  /** Keys known at a time. Default 100,000; 1 to 10,000,000. */
  readonly capacity?: number;
}

export interface KeyedRateSettings extends RateSettings {
  readonly capacity: number;
}

/**
 * A token bucket per key, in bounded memory: one number per key, `capacity` keys. A key whose
 * bucket is full again is forgotten without loss; a key whose bucket is not is never forgotten, or
 * a flood of made-up keys would give every abuser a fresh bucket. While the table is full of such
 * keys, all new ones share one bucket: strangers are limited together rather than the limit given
 * up.
 */
export class KeyedRate {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  readonly #capacity: number;
  /** When each key's bucket is full again, in the order in which they were last charged. */
  readonly #fullAtMs = new Map<string, number>();
  #strangersFullAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeyedRateOptions) {
    const { perSecond, burst, capacity } = readKeyedRate(options, 'ratePerKey');
    this.#intervalMs = 1_000 / perSecond;
    this.#slackMs = (burst - 1) * this.#intervalMs;
    this.#capacity = capacity;
  }

  /** Keys in memory. */
  get size(): number {
    return this.#fullAtMs.size;
  }

  /**
   * Takes one of the key's tokens and gives 0, or takes none and gives the milliseconds until there
   * is one.
   */
  tryAcquire(key: string, nowMs: number): number {
    const known = this.#fullAtMs.get(key);
    if (known === undefined && !this.#makeRoom(nowMs)) return this.#chargeStrangers(nowMs);
    const fullAtMs = known ?? nowMs;
    const waitMs = fullAtMs - this.#slackMs - nowMs;
    if (waitMs > 0) return waitMs;
    if (known !== undefined) this.#fullAtMs.delete(key);
    this.#fullAtMs.set(key, Math.max(fullAtMs, nowMs) + this.#intervalMs);
    return 0;
  }

  /**
   * False where the table is full and the key that was charged longest ago may not be forgotten
   * yet.
   */
  #makeRoom(nowMs: number): boolean {
    // Two for each that comes: so the table also shrinks when keys become fewer.
    for (let forgotten = 0; forgotten < 2; forgotten++) {
      const oldest = this.#fullAtMs.entries().next().value;
      if (oldest === undefined || oldest[1] > nowMs) break;
      this.#fullAtMs.delete(oldest[0]);
    }
    return this.#fullAtMs.size < this.#capacity;
  }

  #chargeStrangers(nowMs: number): number {
    const waitMs = this.#strangersFullAtMs - this.#slackMs - nowMs;
    if (waitMs > 0) return waitMs;
    this.#strangersFullAtMs = Math.max(this.#strangersFullAtMs, nowMs) + this.#intervalMs;
    return 0;
  }
}

export const readKeyedRate: Reader<KeyedRateSettings> = (value, name) => {
  const { capacity, perSecond, burst } = readOptions<{ capacity: number; perSecond: unknown; burst: unknown }>(
    name,
    value,
    { capacity: integer(100_000, 1, 10_000_000), perSecond: (given) => given, burst: optional(number(1, 1, 1e9)) },
  );
  return { ...readRate({ perSecond, burst }, name), capacity };
};
