import { LRUCache } from 'lru-cache';
import type { Clock } from '../runtime/clock.js';
import type { AffinityStore } from './affinity.js';
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
 * Memory: about 130 bytes per session with keys of 36 characters, of which 44 are taken at once for
 * the whole capacity.
 */
export function memoryStore(options: MemoryStoreOptions): AffinityStore {
  const { clock, ttlMs, capacity, sliding = true } = options;
  const table = new LRUCache<string, string>({
    max: capacity,
    ttl: ttlMs,
    updateAgeOnGet: sliding,
    // The cache reads the time once a millisecond at most by its own timer otherwise, which a
    // manual clock cannot steer.
    ttlResolution: 0,
    // It takes a session that began at 0 for one without an end.
    perf: { now: () => clock.now() + 1 },
  });
  return {
    get: (key) => table.get(key),
    set: (key, endpointId) => {
      // A key that is there already is not kept twice.
      table.set(table.has(key) ? key : compact(key), endpointId);
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
