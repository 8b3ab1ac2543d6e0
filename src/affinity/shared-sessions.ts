import type { Clock, Timer } from '../runtime/clock.js';
import { toError } from '../runtime/errors.js';
import type { AffinityStore, SharedAffinityStore } from './affinity.js';
import { memoryStore } from './memory-store.js';

export interface SharedSessionsOptions {
  readonly ttlMs: number;
  readonly capacity: number;
  /** For so long a binding is believed without asking the store, at most half of `ttlMs`. */
  readonly cacheMs: number;
  /** A call waits at most so long for the store. */
  readonly loadTimeoutMs: number;
  /** Bindings that wait to be written, at most. */
  readonly maxPending: number;
}

/** Writes to the store in progress at once. */
const CONCURRENT_WRITES = 16;

/**
 * After a failure the store is left alone for so long: calls must not each wait for one that is
 * down.
 */
const PAUSE_MS = 1_000;

interface Pending {
  endpointId: string;
  readonly replaces: string | undefined;
}

/**
 * A table in this process in front of a shared store. Calls that can wait ask the store first
 * (`prepare`); those that cannot use the table. New bindings are written behind, from a bounded
 * queue: when it is full the oldest is dropped, and made good when its session is next seen. When
 * two processes bind the same session at once the store decides, and the one that lost follows from
 * the next call on.
 */
export class SharedSessions implements AffinityStore {
  readonly #store: SharedAffinityStore;
  readonly #clock: Clock;
  readonly #options: SharedSessionsOptions;
  readonly #failed: (error: Error) => void;
  readonly #table: AffinityStore;
  /** Bindings that the store confirmed lately. */
  readonly #fresh: AffinityStore;
  readonly #loading = new Map<string, Promise<void>>();
  readonly #pending = new Map<string, Pending>();
  /** Bindings that are being written. */
  readonly #writing = new Set<string>();
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #resume: Timer | undefined;
  #closed = false;

  constructor(
    store: SharedAffinityStore,
    clock: Clock,
    options: SharedSessionsOptions,
    failed: (error: Error) => void,
  ) {
    const { ttlMs, capacity } = options;
    // The store hears of a session once per `cacheMs`: it must not forget meanwhile one that is in
    // use.
    const cacheMs = Math.min(options.cacheMs, ttlMs / 2);
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#failed = failed;
    this.#table = memoryStore({ clock, ttlMs, capacity });
    this.#fresh = memoryStore({ clock, ttlMs: cacheMs, capacity, sliding: false });
  }

  get size(): number {
    return this.#table.size;
  }

  get(key: string): string | undefined {
    const endpointId = this.#table.get(key);
    // Asked for without `prepare`: this call uses what is known, the next one what the store says.
    // Where nothing is known the session is about to be bound, and the store answers to that.
    if (endpointId !== undefined && this.#mustAsk(key)) void this.#load(key);
    return endpointId;
  }

  set(key: string, endpointId: string): void {
    const replaces = this.#table.get(key);
    this.#table.set(key, endpointId);
    if (replaces !== endpointId) this.#write(key, endpointId, replaces);
  }

  delete(key: string): void {
    this.#table.delete(key);
    this.#fresh.delete(key);
    this.#pending.delete(key);
  }

  clear(): void {
    this.#closed = true;
    this.#resume?.cancel();
    this.#table.clear();
    this.#fresh.clear();
    this.#pending.clear();
    this.#store.close?.();
  }

  /**
   * Asks the store about this session if it must be asked. Settles within `loadTimeoutMs`; never
   * rejects.
   */
  prepare(key: string): Promise<void> | undefined {
    return this.#mustAsk(key) ? this.#load(key) : undefined;
  }

  #mustAsk(key: string): boolean {
    if (this.#closed || this.#paused || this.#pending.has(key) || this.#writing.has(key)) return false;
    return this.#fresh.get(key) === undefined;
  }

  get #paused(): boolean {
    return this.#clock.now() < this.#pausedUntilMs;
  }

  #load(key: string): Promise<void> {
    let loading = this.#loading.get(key);
    if (loading === undefined) {
      loading = this.#ask(key).finally(() => this.#loading.delete(key));
      this.#loading.set(key, loading);
    }
    return loading;
  }

  async #ask(key: string): Promise<void> {
    try {
      const found = await this.#withinTimeout(() => this.#store.load(key, this.#options.ttlMs));
      if (this.#closed || this.#pending.has(key) || this.#writing.has(key)) return;
      if (typeof found === 'string') {
        this.#table.set(key, found);
        this.#fresh.set(key, found);
        return;
      }
      const known = this.#table.get(key);
      if (known !== undefined) this.#write(key, known, undefined);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #write(key: string, endpointId: string, replaces: string | undefined): void {
    const waiting = this.#pending.get(key);
    if (waiting !== undefined) {
      waiting.endpointId = endpointId;
      return;
    }
    if (this.#pending.size >= this.#options.maxPending) {
      for (const oldest of this.#pending.keys()) {
        this.#pending.delete(oldest);
        break;
      }
    }
    this.#fresh.delete(key);
    this.#pending.set(key, { endpointId, replaces });
    this.#drain();
  }

  #drain(): void {
    if (this.#paused) {
      this.#resume ??= this.#clock.after(this.#pausedUntilMs - this.#clock.now(), () => {
        this.#resume = undefined;
        this.#drain();
      });
      return;
    }
    for (const [key, { endpointId, replaces }] of this.#pending) {
      if (this.#writing.size >= CONCURRENT_WRITES) return;
      // One after the other for one session, or the older might win.
      if (this.#writing.has(key)) continue;
      this.#pending.delete(key);
      this.#writing.add(key);
      void this.#bind(key, endpointId, replaces);
    }
  }

  async #bind(key: string, endpointId: string, replaces: string | undefined): Promise<void> {
    try {
      const bound = await this.#withinTimeout(() => this.#store.bind(key, endpointId, this.#options.ttlMs, replaces));
      if (!this.#closed && !this.#pending.has(key)) {
        this.#table.set(key, bound);
        this.#fresh.set(key, bound);
      }
    } catch (thrown) {
      // The binding is in the table still: it is written when its session is next seen.
      this.#fail(thrown);
    } finally {
      this.#writing.delete(key);
      if (!this.#closed) this.#drain();
    }
  }

  #fail(thrown: unknown): void {
    if (this.#closed) return;
    this.#pausedUntilMs = this.#clock.now() + PAUSE_MS;
    this.#failed(toError(thrown));
  }

  #withinTimeout<T>(run: () => Promise<T>): Promise<T> {
    const { loadTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.awaited(loadTimeoutMs, () =>
        reject(new Error(`The affinity store did not answer within ${loadTimeoutMs} ms.`)),
      );
      const settled = (): void => timer.cancel();
      // What a store throws at once is a rejection too.
      new Promise<T>((take) => take(run())).finally(settled).then(resolve, reject);
    });
  }
}
