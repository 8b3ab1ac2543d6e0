import { murmur3 } from '../hashing/murmur3.js';
import { isPrime } from '../hashing/prime.js';
import { described, fields, invalidOption, type Reader } from '../runtime/options.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import { boundedLoad, maxLoadRatioReader } from './hashing/bounded-load.js';
import { createHashPicker } from './hashing/hash-picker.js';
import { MaglevTableBuilder } from './hashing/maglev-table.js';
import type { Policy } from './policy.js';

export interface MaglevOptions {
  /**
   * Entries of the table: a prime from 251 to 5,000,011, at least a hundred per endpoint for shares
   * within 1 %. Default 65,537, good for 650 endpoints; the paper's larger one is 655,373. All
   * clients must use the same.
   */
  readonly tableSize?: number;
  /** Bounded loads, as for `consistent_hash`. Default: no bound. */
  readonly maxLoadRatio?: number;
}

const readMaglev = fields<Settings>({ tableSize: prime(65_537, 251, 5_000_011), maxLoadRatio: maxLoadRatioReader });

/**
 * The key decides, by Google's Maglev table: shares are even to one entry, where those of a ring
 * differ by a fifth. The price is that a change moves some keys between endpoints that stayed:
 * about half as many again as on a ring. Ejections move the ejected endpoint's keys only. Calls
 * without a key go to a random endpoint by weight.
 *
 * Cost: the key's hash (murmur3) and one read. A change of membership refills the table: 2 to 4 ms
 * for 65,537 entries; 70 ms for 655,373, in turns of some milliseconds each.
 */
export const maglev: PolicyFactory<MaglevOptions> = definePolicy(
  'maglev',
  (options): Policy => {
    const { tableSize, maxLoadRatio } = readMaglev(options, 'maglev');
    return {
      name: 'maglev',
      needsLatency: false,
      usesKey: true,
      create: ({ random, clock, built }) =>
        createHashPicker({
          random,
          clock,
          built,
          hash: (key) => murmur3(key, 0),
          table: new MaglevTableBuilder(tableSize),
          bound: boundedLoad(maxLoadRatio),
        }),
    };
  },
  readMaglev,
);

interface Settings {
  readonly tableSize: number;
  readonly maxLoadRatio: number | undefined;
}

/**
 * An endpoint steps through the table by its own number; only a prime size lets every step
 * reach every entry.
 */
function prime(fallback: number, min: number, max: number): Reader<number> {
  return described({ shape: { type: 'integer', min, max, only: isPrime }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === 'number' && value >= min && value <= max && isPrime(value)) return value;
    throw invalidOption(name, value, `a prime number from ${min} to ${max}, such as 65537 or 655373`);
  });
}
