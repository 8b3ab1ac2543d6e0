import { LRUCache } from 'lru-cache';
import type { Clock } from '../runtime/clock.js';
import { compact } from './store-key.js';

/**
 * What becomes of a session that stands in the way of a new one: it goes, it stays, or it begins a
 * new TTL.
 */
export type Standing = 'goes' | 'stays' | 'renewed';

export interface SessionTableOptions<Value> {
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly capacity: number;
  /**
   * Asked about the session that was used longest ago. Default: it goes once its TTL is over, and
   * stays until then.
   */
  readonly standing?: (key: string, value: Value, over: boolean) => Standing;
}

/**
 * Sessions looked at for one that may go, at most: a table full of those that stay must not cost a
 * search each time.
 */
const LOOKS = 8;

const NOT_STALE = { allowStale: false } as const;

/**
 * Sessions in this process: a bounded table with a sliding TTL. Users choose their keys, so a table
 * in which the newest always finds room is flushed by any client that makes keys up. Here a session
 * that is in use (its TTL is not over) does not make room for a new one: while the table is full of
 * them, `set` returns false for keys that are not in it.
 *
 * The TTL is checked when a session is asked for, or is in the way; there is no timer. O(1).
 * Memory: about 130 bytes per session with keys of 36 characters, of which 44 are taken at once for
 * the whole capacity.
 */
export class SessionTable<Value extends {}> {
  readonly capacity: number;
  readonly #standing: (key: string, value: Value, over: boolean) => Standing;
  /** In the order of use, which under a sliding TTL is the order in which they end. */
  readonly #cache: LRUCache<string, Value>;

  constructor({ clock, ttlMs, capacity, standing = untilOver }: SessionTableOptions<Value>) {
    this.capacity = capacity;
    this.#standing = standing;
    this.#cache = new LRUCache<string, Value>({
      max: capacity,
      ttl: ttlMs,
      updateAgeOnGet: true,
      // So that the oldest can be found although its time is over.
      allowStale: true,
      noDeleteOnStaleGet: true,
      // The cache reads the time once a millisecond at most by its own timer otherwise, which a
      // manual clock cannot steer.
      ttlResolution: 0,
      // It takes a session that began at 0 for one without an end.
      perf: { now: () => clock.now() + 1 },
    });
  }

  get size(): number {
    return this.#cache.size;
  }

  /** Whether a new session finds no room. Removes one that is in its way and may go. */
  get full(): boolean {
    return this.#cache.size >= this.capacity && !this.#makeRoom();
  }

  /** As `full`, and removes nothing: asks about the session that was used longest ago alone. */
  get crowded(): boolean {
    if (this.#cache.size < this.capacity) return false;
    const oldest = this.#cache.rkeys().next().value as string;
    const value = this.#cache.peek(oldest) as Value;
    return this.#standing(oldest, value, this.#cache.getRemainingTTL(oldest) < 0) === 'stays';
  }

  /** Renews the TTL. */
  get(key: string): Value | undefined {
    return this.#cache.get(key, NOT_STALE);
  }

  /** As `get`, but leaves the TTL, and the order, as they are. */
  peek(key: string): Value | undefined {
    return this.#cache.peek(key, NOT_STALE);
  }

  /** False where there is no room for a new session. */
  set(key: string, value: Value): boolean {
    if (this.#cache.has(key)) {
      // A key that is there already is not kept twice.
      this.#cache.set(key, value);
      return true;
    }
    if (this.full) return false;
    this.#cache.set(compact(key), value);
    return true;
  }

  delete(key: string): boolean {
    return this.#cache.delete(key);
  }

  clear(): void {
    this.#cache.clear();
  }

  /** All there are, those whose TTL is over among them. */
  entries(): Iterable<[string, Value]> {
    return this.#cache.entries();
  }

  #makeRoom(): boolean {
    for (let looks = 0; looks < LOOKS; looks++) {
      const oldest = this.#cache.rkeys().next().value as string;
      const value = this.#cache.peek(oldest) as Value;
      const standing = this.#standing(oldest, value, this.#cache.getRemainingTTL(oldest) < 0);
      if (standing === 'stays') return false;
      if (standing === 'goes') return this.#cache.delete(oldest);
      this.#cache.set(oldest, value);
    }
    return false;
  }
}

function untilOver(_key: string, _value: unknown, over: boolean): Standing {
  return over ? 'goes' : 'stays';
}
