import { mix32 } from '../runtime/hash.js';
import type { HashTable } from './hash-table.js';
import { murmur3 } from './murmur3.js';
import { checkWeights } from './weights.js';

/** From a 32-bit number to [0, 1). */
const UNIT = 2 ** -32;

/**
 * Highest random weight (Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates",
 * IEEE/ACM Transactions on Networking 6(1), 1998): each id draws a number from the key and itself,
 * the best wins. With weights as in Schindelhauer and Schomaker, "Weighted Distributed Hash Tables"
 * (SPAA 2005): the numbers are exponentially distributed with the weight as their rate, the
 * smallest wins.
 *
 * Cursors are the ids' numbers. A lookup looks at every id: O(n).
 */
export class RendezvousTable implements HashTable {
  readonly #ids: Int32Array;
  /** One over the weights: the mean of what each draws. */
  readonly #means: Float64Array;
  readonly #equal: boolean;

  constructor(ids: readonly string[], weights: readonly number[]) {
    checkWeights(weights, 'rendezvous table');
    this.#ids = Int32Array.from(ids, (id) => murmur3(id, 0));
    this.#means = Float64Array.from(weights, (weight) => 1 / weight);
    this.#equal = weights.every((weight) => weight === weights[0]);
  }

  seek(hash: number): number {
    return this.#equal ? this.#seekEqual(hash) : this.#best(hash, -1, Number.NEGATIVE_INFINITY);
  }

  owner(cursor: number): number {
    return cursor;
  }

  /** The next best for the hash; after the last one, the best again. */
  advance(cursor: number, hash: number): number {
    const next = this.#best(hash, cursor, this.#score(cursor, hash));
    return next === -1 ? this.seek(hash) : next;
  }

  /** With equal weights the smallest number wins as it is: no logarithm. */
  #seekEqual(hash: number): number {
    const ids = this.#ids;
    let best = 0;
    let least = 2 ** 32;
    for (let i = 0; i < ids.length; i++) {
      const draw = mix32(hash ^ ids[i]!) >>> 0;
      if (draw < least) {
        least = draw;
        best = i;
      }
    }
    return best;
  }

  /** The least of those that come after (score, number) `last`; -1 where none does. */
  #best(hash: number, last: number, lastScore: number): number {
    const ids = this.#ids;
    const means = this.#means;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < ids.length; i++) {
      const share = (mix32(hash ^ ids[i]!) >>> 0) * UNIT;
      // -log(1 - u) is at least u: most can be ruled out without the logarithm.
      if (share * means[i]! >= least) continue;
      const score = -Math.log1p(-share) * means[i]!;
      if (score < least && (score > lastScore || (score === lastScore && i > last))) {
        least = score;
        best = i;
      }
    }
    return best;
  }

  #score(index: number, hash: number): number {
    return -Math.log1p(-(mix32(hash ^ this.#ids[index]!) >>> 0) * UNIT) * this.#means[index]!;
  }
}
