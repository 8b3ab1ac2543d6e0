import type { Clock } from '../runtime/clock.js';
import { AgedTable } from './aged-table.js';
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

/**
 * Sessions in this process: a bounded table with a sliding TTL. Users choose their keys, so a table
 * in which the newest always finds room is flushed by any client that makes keys up. Here a session
 * that is in use (its TTL is not over) does not make room for a new one: while the table is full of
 * them, `set` returns false for keys that are not in it.
 *
 * The TTL is checked when a session is asked for, or is in the way; there is no timer. O(1).
 * Memory: about 130 bytes per session with keys of 36 characters, of which 32 are taken at once for
 * the whole capacity.
 */
export class SessionTable<Value extends {}> {
  readonly capacity: number;
  readonly #standing: (key: string, value: Value, over: boolean) => Standing;
  readonly #clock: Clock;
  readonly #ttlMs: number;
  /** In the order of use, which under a sliding TTL is the order in which they end. */
  readonly #table: AgedTable<Value>;

  constructor({ clock, ttlMs, capacity, standing = untilOver }: SessionTableOptions<Value>) {
    this.capacity = capacity;
    this.#standing = standing;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#table = new AgedTable(capacity);
  }

  get size(): number {
    return this.#table.size;
  }

  /** Whether a new session finds no room. Removes one that is in its way and may go. */
  get full(): boolean {
    return this.#table.size >= this.capacity && !this.#makeRoom();
  }

  /** As `full`, and removes nothing: asks about the session that was used longest ago alone. */
  get crowded(): boolean {
    return this.#table.size >= this.capacity && this.#standingOf(this.#table.oldest!) === 'stays';
  }

  /** Renews the TTL. */
  get(key: string): Value | undefined {
    const value = this.peek(key);
    if (value !== undefined) this.#table.use(key, this.#clock.now());
    return value;
  }

  /** As `get`, but leaves the TTL, and the order, as they are. */
  peek(key: string): Value | undefined {
    const value = this.#table.peek(key);
    return value === undefined || this.#isOver(key) ? undefined : value;
  }

  /** False where there is no room for a new session. */
  set(key: string, value: Value): boolean {
    // A key that is there already is not kept twice.
    const isNew = this.peek(key) === undefined;
    if (isNew && this.full) return false;
    this.#table.set(isNew ? compact(key) : key, value, this.#clock.now());
    return true;
  }

  delete(key: string): boolean {
    return this.#table.delete(key);
  }

  clear(): void {
    this.#table.clear();
  }

  /** All there are, those whose TTL is over among them. */
  entries(): Iterable<[string, Value]> {
    return this.#table.entries();
  }

  #isOver(key: string): boolean {
    return this.#clock.now() - this.#table.beganAtMs(key) > this.#ttlMs;
  }

  #standingOf(key: string): Standing {
    return this.#standing(key, this.#table.peek(key) as Value, this.#isOver(key));
  }

  #makeRoom(): boolean {
    for (let looks = 0; looks < LOOKS; looks++) {
      const oldest = this.#table.oldest!;
      const standing = this.#standingOf(oldest);
      if (standing === 'stays') return false;
      if (standing === 'goes') return this.#table.delete(oldest);
      this.#table.use(oldest, this.#clock.now());
    }
    return false;
  }
}

function untilOver(_key: string, _value: unknown, over: boolean): Standing {
  return over ? 'goes' : 'stays';
}
