import type { Unreachable } from '../../../src/adapter.js';
import type { Endpoint } from '../../../src/index.js';
import type { Leaf } from './leaf.js';

/** The connections of one channel. */
export type Leaves = ReadonlyMap<Endpoint, Leaf>;

/**
 * What some channel of a service tried to connect to in vain, and no channel is connected to. Calls
 * are not sent there, so they do not tell.
 */
export function unreachableOf(channels: Iterable<Leaves>): ReadonlyMap<Endpoint, Unreachable> {
  const found = new Map<Endpoint, Unreachable>();
  const connected = new Set<Endpoint>();
  for (const leaves of channels) {
    for (const [endpoint, { subchannel, failingSinceMs, lastError }] of leaves) {
      if (subchannel !== undefined) connected.add(endpoint);
      else if (failingSinceMs !== undefined && !found.has(endpoint)) {
        found.set(endpoint, { reason: lastError || 'no answer', sinceMs: failingSinceMs });
      }
    }
  }
  for (const endpoint of connected) found.delete(endpoint);
  return found;
}
