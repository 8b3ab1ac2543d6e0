import { compact, storeKey } from '../affinity/store-key.js';
import { fields, integer, type Reader } from '../runtime/options.js';
import { type Timed, TimeHeap } from '../runtime/time-heap.js';
import { completeRate, type RateOptions, type RateSettings, rateSchema } from '../runtime/token-bucket.js';

export interface KeyedRateOptions extends RateOptions {
  /** Keys known at a time. Default 100,000; 1 to 10,000,000. */
  readonly capacity?: number;
}

export interface KeyedRateSettings extends RateSettings {
  readonly capacity: number;
}

/** A key that has been charged; `atMs`: when its bucket is full again. */
interface Charged extends Timed {
  readonly key: string;
}

/**
 * A token bucket per key, in bounded memory. A key whose bucket is full again is forgotten without
 * loss; a key whose bucket is not is never forgotten, or a flood of made-up keys would give every
 * abuser a fresh bucket. While the table is full of such keys, all new ones share one bucket:
 * strangers are limited together rather than the limit given up.
 *
 * Keys are held by when their buckets are full again, so that one that burnt a large burst takes
 * one place, and does not keep those behind it from being forgotten. O(log n); about 100 bytes a
 * key, keys of more than 128 characters by their hash.
 */
export class KeyedRate {
  readonly #intervalMs: number;
  readonly #slackMs: number;
  readonly #capacity: number;
  readonly #charged = new Map<string, Charged>();
  readonly #byTime = new TimeHeap<Charged>();
  #strangersFullAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: KeyedRateOptions) {
    const { perSecond, burst, capacity } = readKeyedRate(options, 'ratePerKey');
    this.#intervalMs = 1_000 / perSecond;
    this.#slackMs = (burst - 1) * this.#intervalMs;
    this.#capacity = capacity;
  }

  /** Keys in memory. */
  get size(): number {
    return this.#charged.size;
  }

  /**
   * Takes one of the key's tokens and returns 0, or takes none and returns the milliseconds until
   * there is one.
   */
  tryAcquire(key: string, nowMs: number): number {
    const name = storeKey(key);
    const known = this.#charged.get(name);
    if (known === undefined) {
      if (!this.#makeRoom(nowMs)) return this.#chargeStrangers(nowMs);
      const charged = { key: compact(name), atMs: nowMs + this.#intervalMs, index: 0 };
      this.#charged.set(charged.key, charged);
      this.#byTime.add(charged);
      return 0;
    }
    const waitMs = known.atMs - this.#slackMs - nowMs;
    if (waitMs > 0) return waitMs;
    this.#byTime.putOff(known, Math.max(known.atMs, nowMs) + this.#intervalMs);
    return 0;
  }

  /** False where the table is full, and no bucket in it is. */
  #makeRoom(nowMs: number): boolean {
    // Two for each that comes: so the table also shrinks when keys become fewer.
    for (let forgotten = 0; forgotten < 2; forgotten++) {
      const { first } = this.#byTime;
      if (first === undefined || first.atMs > nowMs) break;
      this.#byTime.removeFirst();
      this.#charged.delete(first.key);
    }
    return this.#charged.size < this.#capacity;
  }

  #chargeStrangers(nowMs: number): number {
    const waitMs = this.#strangersFullAtMs - this.#slackMs - nowMs;
    if (waitMs > 0) return waitMs;
    this.#strangersFullAtMs = Math.max(this.#strangersFullAtMs, nowMs) + this.#intervalMs;
    return 0;
  }
}

export const readKeyedRate: Reader<KeyedRateSettings> = fields(
  { ...rateSchema, capacity: integer(100_000, 1, 10_000_000) },
  ({ capacity, ...rate }) => ({ ...completeRate(rate), capacity }),
);
