import { compact, storeKey } from '../affinity/store-key.js';
import { fields, integer, number, type Reader, required } from '../runtime/options.js';
import { RollingCounts } from './rolling-counts.js';

export interface KeyedWindowOptions {
  /** Calls per key within the window; 1 to 1,000,000,000. */
  readonly max: number;
  /** Length of the window; milliseconds. Default 60,000; 10 to 86,400,000. */
  readonly windowMs?: number;
  /** Keys known at a time. Default 10,000; 1 to 1,000,000. About 400 bytes each. */
  readonly capacity?: number;
}

interface KeyWindow {
  readonly key: string;
  readonly counts: RollingCounts;
}

/**
 * At most `max` calls per key in every period of `windowMs`, wherever it begins, in bounded memory.
 * Counted in ten slots per window, of which the oldest counts whole until it has left: it never
 * admits more, and up to a tenth of the window later than an exact log of times, which would be
 * `max` numbers per key.
 *
 * Keys that have used nothing within the window are forgotten; while the table is full of others,
 * new keys share one window (see `KeyedRate`). Keys of more than 128 characters are held by their
 * hash.
 */
export class KeyedWindow {
  readonly #options: Required<KeyedWindowOptions>;
  /** In the order in which they were last charged. */
  readonly #windows = new Map<string, KeyWindow>();
  readonly #strangers: KeyWindow;

  constructor(options: KeyedWindowOptions) {
    this.#options = readKeyedWindow(options, 'windowPerKey');
    this.#strangers = { key: '', counts: new RollingCounts(this.#options.windowMs) };
  }

  /** Keys in memory. */
  get size(): number {
    return this.#windows.size;
  }

  /**
   * Counts a call and returns 0, or counts none and returns the milliseconds until there is room.
   */
  tryAcquire(key: string, nowMs: number): number {
    const name = storeKey(key);
    const known = this.#windows.get(name);
    const { counts } = known ?? (this.#makeRoom(nowMs) ? this.#window(name) : this.#strangers);
    counts.advance(nowMs);
    if (counts.secondWithOldest >= this.#options.max) return counts.secondShrinksInMs(nowMs);
    counts.add(0, 1);
    if (known !== undefined) this.#moveBack(known);
    return 0;
  }

  #window(name: string): KeyWindow {
    const window = { key: compact(name), counts: new RollingCounts(this.#options.windowMs) };
    this.#windows.set(window.key, window);
    return window;
  }

  #moveBack(window: KeyWindow): void {
    this.#windows.delete(window.key);
    this.#windows.set(window.key, window);
  }

  #makeRoom(nowMs: number): boolean {
    for (let forgotten = 0; forgotten < 2; forgotten++) {
      const oldest = this.#windows.entries().next().value;
      if (oldest === undefined) break;
      const { counts } = oldest[1];
      counts.advance(nowMs);
      if (counts.secondWithOldest > 0) break;
      this.#windows.delete(oldest[0]);
    }
    return this.#windows.size < this.#options.capacity;
  }
}

export const readKeyedWindow: Reader<Required<KeyedWindowOptions>> = fields<Required<KeyedWindowOptions>>({
  max: required(integer(1, 1, 1e9), 'a whole number from 1 to 1,000,000,000'),
  windowMs: number(60_000, 10, 86_400_000),
  capacity: integer(10_000, 1, 1_000_000),
});
