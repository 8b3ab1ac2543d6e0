import { murmur3 } from './murmur3.js';
import { checkWeights } from './weights.js';

const FREE = 0xffffffff;
/**
 * Arbitrary and different: two independent hashes of one id. They are part of the placement; never
 * change them.
 */
const OFFSET_SEED = 0x6d61676c;
const SKIP_SEED = 0x65763230;

/**
 * Maglev's lookup table (Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load
 * Balancer", NSDI 2016, section 3.4): every id has a preference list of all entries, a permutation,
 * and they take turns in claiming the first entry on their list that is still free. Weights as
 * Envoy does it: in each round an id claims one entry if its weight times the round has caught up
 * with its target.
 *
 * Returns the table: for each entry the number of the id that owns it. `size` must be prime.
 */
export function fillMaglev(ids: readonly string[], weights: readonly number[], size: number): Uint32Array {
  checkWeights(weights, 'maglev table');
  const count = ids.length;
  const table = new Uint32Array(size).fill(FREE);
  // The next entry on each list, and the step to the one after: coprime to a prime size, so it
  // visits every entry.
  const next = Uint32Array.from(ids, (id) => (murmur3(id, OFFSET_SEED) >>> 0) % size);
  const skip = Uint32Array.from(ids, (id) => ((murmur3(id, SKIP_SEED) >>> 0) % (size - 1)) + 1);
  const weight = Float64Array.from(weights);
  const target = new Float64Array(count);
  const heaviest = weight.reduce((most, each) => Math.max(most, each), 0);
  for (let round = 1, filled = 0; filled < size; round++) {
    for (let i = 0; i < count && filled < size; i++) {
      if (round * weight[i]! < target[i]!) continue;
      target[i] = target[i]! + heaviest;
      let entry = next[i]!;
      while (table[entry] !== FREE) entry = step(entry, skip[i]!, size);
      table[entry] = i;
      next[i] = step(entry, skip[i]!, size);
      filled++;
    }
  }
  return table;
}

function step(entry: number, skip: number, size: number): number {
  const sum = entry + skip;
  return sum >= size ? sum - size : sum;
}
