import type { Clock } from '../runtime/clock.js';
import type { AffinityStore } from './affinity.js';
import { AgedTable } from './aged-table.js';
import { compact } from './store-key.js';

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly ttlMs: number;
  readonly capacity: number;
  readonly sliding?: boolean;
}

/**
 * Sessions in this process: a bounded table with a sliding TTL, the least recently used session
 * leaving first when it is full. The TTL is checked when a session is asked for; there is no timer.
 * `sliding: false` counts it from when the session was set instead.
 *
 * Memory: about 130 bytes per session with keys of 36 characters, of which 32 are taken at once for
 * the whole capacity.
 */
export function memoryStore(options: MemoryStoreOptions): AffinityStore {
  const { clock, ttlMs, capacity, sliding = true } = options;
  const table = new AgedTable<string>(capacity);
  const find = (key: string): string | undefined => {
    const endpointId = table.peek(key);
    return endpointId === undefined || clock.now() - table.beganAtMs(key) > ttlMs ? undefined : endpointId;
  };
  return {
    get: (key) => {
      const endpointId = find(key);
      if (endpointId === undefined) table.delete(key);
      else table.use(key, sliding ? clock.now() : undefined);
      return endpointId;
    },
    set: (key, endpointId) => {
      // A key that is there already is not kept twice.
      const isNew = table.peek(key) === undefined;
      if (isNew && table.size >= capacity) table.delete(table.oldest!);
      table.set(isNew ? compact(key) : key, endpointId, clock.now());
    },
    delete: (key) => {
      table.delete(key);
    },
    get size() {
      return table.size;
    },
    clear: () => table.clear(),
  };
}
