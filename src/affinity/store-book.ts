import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { RoutingKey } from '../runtime/context.js';
import { toError } from '../runtime/errors.js';
import type { AffinityStore } from './affinity.js';
import type { Home, SessionBook } from './session-book.js';
import { SharedSessions } from './shared-sessions.js';
import { scopedHash, sessionHash } from './store-key.js';

/**
 * Sessions in a store, the user's own or a shared one. It sees the hashes of their keys: a session
 * key is a credential. What it throws is reported, and counts as no session.
 */
export class StoreBook implements SessionBook {
  readonly #store: AffinityStore;
  readonly #shared: SharedSessions | undefined;
  readonly #failed: (error: Error) => void;

  constructor(store: AffinityStore | SharedSessions, failed: (error: Error) => void) {
    this.#store = store;
    this.#shared = store instanceof SharedSessions ? store : undefined;
    this.#failed = failed;
  }

  get size(): number {
    return this.#store.size;
  }

  get full(): boolean {
    return this.#shared?.full === true;
  }

  get unwritten(): number {
    return this.#shared?.unwritten ?? 0;
  }

  name(scope: string, key: RoutingKey): string {
    return scope === '' ? sessionHash(key) : scopedHash(scope, key);
  }

  get(name: string): Home | undefined {
    try {
      const id: unknown = this.#store.get(name);
      return typeof id === 'string' ? { id } : undefined;
    } catch (thrown) {
      this.#failed(toError(thrown));
      return undefined;
    }
  }

  peek(name: string): Home | undefined {
    if (this.#shared === undefined) return this.get(name);
    const id = this.#shared.peek(name);
    return id === undefined ? undefined : { id };
  }

  get crowded(): boolean {
    return this.#shared?.crowded === true;
  }

  set(name: string, { spec }: LiveEndpoint): boolean {
    try {
      // Of a user's own store, nothing but false says that it has no room.
      return (this.#store.set(name, spec.id) as unknown) !== false;
    } catch (thrown) {
      this.#failed(toError(thrown));
      return true;
    }
  }

  async unbind(name: string): Promise<void> {
    if (this.#shared === undefined) this.#store.delete(name);
    else await this.#shared.unbind(name);
  }

  prepare(name: string): Promise<void> | undefined {
    return this.#shared?.prepare(name);
  }

  async flush(): Promise<void> {
    await this.#shared?.flush();
  }

  clear(): void {
    try {
      this.#store.clear();
    } catch (thrown) {
      this.#failed(toError(thrown));
    }
  }
}
