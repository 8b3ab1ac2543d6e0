import { KeyRing, type KeyRingOptions, keyRingSchema } from '../hashing/key-ring.js';
import { fields } from '../runtime/options.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import { boundedLoad, maxLoadRatioReader } from './hashing/bounded-load.js';
import { createHashPicker } from './hashing/hash-picker.js';
import { RingTableBuilder } from './hashing/ring-table.js';
import type { Policy } from './policy.js';

export interface ConsistentHashOptions extends KeyRingOptions {
  /**
   * Bounded loads: no endpoint takes more than this many times its fair share of the calls in
   * flight; a key whose endpoint is full goes to the next on the ring. Usual 1.2 to 2; 1 to 1,000.
   * Default: no bound.
   */
  readonly maxLoadRatio?: number;
}

const readConsistentHash = fields<Settings>({ ...keyRingSchema, maxLoadRatio: maxLoadRatioReader });

/**
 * The key decides, and keeps deciding the same when endpoints come and go: an endpoint that joins n
 * others takes about 1/n of the keys, and no key moves between two that were there before. Calls
 * without a key go to a random endpoint by weight.
 *
 * Placement is Ketama's, by the id of the endpoint and not its address, and equal to hashring's,
 * libketama's and twemproxy's for equal weights at all sizes where theirs is right. `hash:
 * 'murmur3'` selects the faster ring that agrees with no other.
 *
 * Cost: the key's hash (MD5 0.25 µs, murmur3 0.1 µs for 20 characters) and one or two steps at any
 * size; allocates nothing for keys up to 1,300 characters. A change among 1,000 endpoints rebuilds
 * in about 3 ms. With 40 vnodes the fullest of 100 endpoints holds about 1.2 times the mean of the
 * keys; `maglev` and `rendezvous` are more even.
 */
export const consistentHash: PolicyFactory<ConsistentHashOptions> = definePolicy(
  'consistent_hash',
  (options): Policy => {
    const { maxLoadRatio, ...ring } = readConsistentHash(options, 'consistent_hash');
    return {
      name: 'consistent_hash',
      needsLatency: false,
      usesKey: true,
      create: ({ random, clock, built }) => {
        const keys = new KeyRing(ring);
        return createHashPicker({
          random,
          clock,
          built,
          hash: (key) => keys.hash(key),
          table: new RingTableBuilder(keys),
          bound: boundedLoad(maxLoadRatio),
        });
      },
    };
  },
  readConsistentHash,
);

interface Settings extends Required<KeyRingOptions> {
  readonly maxLoadRatio: number | undefined;
}
