import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import type { Home, SessionBook } from './session-book.js';
import { SessionTable } from './session-table.js';
import { scopedHash, storeKey } from './store-key.js';

const DONE: Promise<void> = Promise.resolve();

/** Sessions in this process alone. Their keys are kept as they are, and never leave it. */
export class TableBook implements SessionBook {
  readonly unwritten = 0;
  readonly #table: SessionTable<Home>;
  /** One for all sessions of an endpoint. */
  readonly #homes = new WeakMap<LiveEndpoint, Home>();

  constructor(clock: Clock, options: { readonly ttlMs: number; readonly capacity: number }) {
    const { ttlMs, capacity } = options;
    this.#table = new SessionTable({ clock, ttlMs, capacity });
  }

  /** Takes over the sessions of a table that it takes the place of: the latest, as many as fit. */
  inherit(before: TableBook): void {
    // The table keeps those whose time is over until they are in the way: they are none.
    const sessions = [...before.#table.entries()].filter(([name]) => before.#table.peek(name) !== undefined);
    for (const [name, home] of sessions.slice(0, this.#table.capacity).reverse()) this.#table.set(name, home);
  }

  get size(): number {
    return this.#table.size;
  }

  get full(): boolean {
    return this.#table.full;
  }

  name(scope: string, key: RoutingKey): string {
    return scope === '' ? storeKey(key) : scopedHash(scope, key);
  }

  get(name: string): Home | undefined {
    return this.#table.get(name);
  }

  peek(name: string): Home | undefined {
    return this.#table.peek(name);
  }

  get crowded(): boolean {
    return this.#table.crowded;
  }

  set(name: string, endpoint: LiveEndpoint): boolean {
    let home = this.#homes.get(endpoint);
    if (home === undefined) {
      const { id, host, port } = endpoint.spec;
      home = { id, host, port };
      this.#homes.set(endpoint, home);
    }
    return this.#table.set(name, home);
  }

  unbind(name: string): Promise<void> {
    this.#table.delete(name);
    return DONE;
  }

  prepare(): undefined {
    return undefined;
  }

  flush(): Promise<void> {
    return DONE;
  }

  clear(): void {
    this.#table.clear();
  }
}
