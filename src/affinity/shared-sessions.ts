import { type Clock, withTimeout } from '../runtime/clock.js';
import { FairleadError } from '../runtime/errors.js';
import type { AffinityStore, SharedAffinityStore } from './affinity.js';
import { memoryStore } from './memory-store.js';
import { SessionTable } from './session-table.js';
import { SessionWriter, type Unwritten } from './session-writer.js';

export interface SharedSessionsOptions {
  readonly ttlMs: number;
  readonly capacity: number;
  /** How long a binding is believed without asking the store, at most half of `ttlMs`. */
  readonly cacheMs: number;
  /** A call waits at most this long for the store. */
  readonly loadTimeoutMs: number;
  /** Bindings that wait to be written, at most. */
  readonly maxPending: number;
}

/**
 * The id of an endpoint as the store confirmed it, or a binding of this process that it has not
 * confirmed.
 */
type Binding = string | Unwritten;

/**
 * A table in this process in front of a shared store. Calls that can wait ask the store first
 * (`prepare`); those that cannot use the table. New bindings are written behind. When two processes
 * bind the same session at once the store decides, and the one that lost follows from the next call
 * on.
 *
 * A binding that is not confirmed keeps what it replaces for as long as the table knows its
 * session. So whatever becomes of its write (dropped, failed, late), a session that has moved here
 * is not moved back by what the store still has.
 */
export class SharedSessions implements AffinityStore {
  readonly #store: SharedAffinityStore;
  readonly #clock: Clock;
  readonly #options: SharedSessionsOptions;
  readonly #table: SessionTable<Binding>;
  /** Bindings that the store confirmed lately. */
  readonly #fresh: AffinityStore;
  readonly #loading = new Map<string, Promise<void>>();
  readonly #writer: SessionWriter;
  #closed = false;

  constructor(
    store: SharedAffinityStore,
    clock: Clock,
    options: SharedSessionsOptions,
    failed: (error: Error) => void,
  ) {
    const { ttlMs, capacity, maxPending } = options;
    // The store hears of a session once per `cacheMs`: it must not forget meanwhile one that is in
    // use.
    const cacheMs = Math.min(options.cacheMs, ttlMs / 2);
    this.#store = store;
    this.#clock = clock;
    this.#options = options;
    this.#table = new SessionTable({
      clock,
      ttlMs,
      capacity,
      // What the store has can be asked for again; what it does not have is only here.
      standing: (_key, binding) => (typeof binding === 'string' ? 'goes' : 'renewed'),
    });
    this.#fresh = memoryStore({ clock, ttlMs: cacheMs, capacity, sliding: false });
    this.#writer = new SessionWriter({
      clock,
      maxPending,
      bind: (key, endpointId, replaces) => this.#bind(key, endpointId, replaces),
      bound: (key, written, endpointId) => {
        if (this.#table.peek(key) === written) this.#confirm(key, endpointId);
      },
      failed,
    });
  }

  get size(): number {
    return this.#table.size;
  }

  get full(): boolean {
    return this.#table.full;
  }

  get(key: string): string | undefined {
    const binding = this.#table.get(key);
    // Asked for without `prepare`: this call uses what is known, the next one what the store says.
    // Where nothing is known the session is about to be bound, and the store answers to that.
    if (binding !== undefined && this.#mustAsk(key)) void this.#load(key);
    return idOf(binding);
  }

  /** What is known of it here; the store is not asked. */
  peek(key: string): string | undefined {
    return idOf(this.#table.peek(key));
  }

  get crowded(): boolean {
    return this.#table.crowded;
  }

  set(key: string, endpointId: string): boolean {
    const binding = this.#table.get(key);
    if (idOf(binding) === endpointId) return true;
    if (typeof binding === 'object') {
      binding.endpointId = endpointId;
      binding.attempts = 0;
      return this.#write(key, binding);
    }
    const unwritten: Unwritten = { endpointId, replaces: binding, sent: [], attempts: 0 };
    if (!this.#table.set(key, unwritten)) return false;
    return this.#write(key, unwritten);
  }

  delete(key: string): void {
    this.#table.delete(key);
    this.#fresh.delete(key);
    this.#writer.forget(key);
  }

  /**
   * Forgets the session here and in the store. Rejects where the store fails, or cannot do that.
   */
  async unbind(key: string): Promise<void> {
    const store = this.#store;
    if (store.unbind === undefined) {
      throw new FairleadError('FAIRLEAD_INVALID_OPTION', 'A session cannot be unbound: affinity.store has no unbind.');
    }
    this.delete(key);
    await this.#withinTimeout(() => store.unbind?.(key));
    // What a call bound or loaded meanwhile may be what was to go.
    this.delete(key);
  }

  /** Bindings that the store has not confirmed. */
  get unwritten(): number {
    return [...this.#unwritten()].length;
  }

  /** Writes them. Resolves when that is done, or the store fails; never rejects. */
  flush(): Promise<void> {
    return this.#writer.flush(this.#unwritten());
  }

  clear(): void {
    this.#closed = true;
    this.#writer.close();
    this.#table.clear();
    this.#fresh.clear();
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
    if (this.#closed || this.#writer.paused || this.#writer.busy(key)) return false;
    return this.#fresh.get(key) === undefined;
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
    const asked = this.#table.peek(key);
    try {
      const found: unknown = await this.#withinTimeout(() => this.#store.load(key, this.#options.ttlMs));
      if (found !== undefined && found !== null && !isId(found)) throw nonsense('load', found, ' or undefined');
      // What changed here meanwhile is newer than the answer.
      if (this.#closed || this.#writer.busy(key) || this.#table.peek(key) !== asked) return;
      this.#follow(key, asked, found ?? undefined);
    } catch (thrown) {
      this.#writer.fail(thrown);
    }
  }

  /** What the store has, and what this process has, are put together. */
  #follow(key: string, known: Binding | undefined, found: string | undefined): void {
    if (typeof known === 'object') {
      const { endpointId, replaces, sent } = known;
      // Neither what was written, nor what it was to replace: another process has bound it since,
      // and the store decides.
      const ours = found === undefined || found === replaces || sent.includes(found);
      if (found === endpointId || !ours) {
        this.#confirm(key, found);
      } else {
        known.replaces = found;
        known.attempts = 0;
        this.#write(key, known);
      }
    } else if (found !== undefined) {
      this.#confirm(key, found);
    } else if (known !== undefined) {
      const unwritten: Unwritten = { endpointId: known, replaces: undefined, sent: [], attempts: 0 };
      this.#table.set(key, unwritten);
      this.#write(key, unwritten);
    }
  }

  #confirm(key: string, endpointId: string): void {
    this.#table.set(key, endpointId);
    this.#fresh.set(key, endpointId);
  }

  #write(key: string, unwritten: Unwritten): true {
    this.#fresh.delete(key);
    this.#writer.write(key, unwritten);
    return true;
  }

  async #bind(key: string, endpointId: string, replaces: string | undefined): Promise<string> {
    const { ttlMs } = this.#options;
    const bound: unknown = await this.#withinTimeout(() => this.#store.bind(key, endpointId, ttlMs, replaces));
    if (!isId(bound)) throw nonsense('bind', bound, '');
    return bound;
  }

  *#unwritten(): Iterable<[string, Unwritten]> {
    for (const [key, binding] of this.#table.entries()) if (typeof binding === 'object') yield [key, binding];
  }

  /** What a store throws at once is a rejection too. */
  #withinTimeout<T>(run: () => Promise<T> | T): Promise<T> {
    const { loadTimeoutMs } = this.#options;
    const answer = new Promise<T>((take) => take(run()));
    const late = (): Error => new Error(`The affinity store did not answer within ${loadTimeoutMs} ms.`);
    return withTimeout(this.#clock, loadTimeoutMs, answer, late);
  }
}

function idOf(binding: Binding | undefined): string | undefined {
  return typeof binding === 'object' ? binding.endpointId : binding;
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

/** The answer itself is not shown: it may be anything. */
function nonsense(method: string, answer: unknown, more: string): Error {
  const kind = answer === null ? 'null' : typeof answer === 'string' ? 'an empty text' : typeof answer;
  return new Error(`The affinity store answered ${method} with ${kind}: it must be the id of an endpoint${more}.`);
}
