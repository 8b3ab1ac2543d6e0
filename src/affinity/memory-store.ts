import { LRUCache } from 'lru-cache';
import type { Clock } from '../runtime/clock.js';
import type { AffinityStore } from './affinity.js';

/**
 * Sessions in this process: a bounded table with a sliding TTL, the least recently used session leaving first when it is
 * full. The TTL is checked when a session is asked for; there is no timer.
 */
export function memoryStore(options: { clock: Clock; ttlMs: number; capacity: number }): AffinityStore {
  const { clock, ttlMs, capacity } = options;
  const table = new LRUCache<string, string>({
    max: capacity,
    ttl: ttlMs,
    updateAgeOnGet: true,
    // The cache reads the time once a millisecond at most by its own timer otherwise, which a manual clock cannot steer.
    ttlResolution: 0,
    perf: clock,
  });
  return {
    get: (key) => table.get(key),
    set: (key, endpointId) => {
      table.set(key, endpointId);
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
