import { invalidOption } from '../runtime/options.js';
import { murmur3 } from './murmur3.js';
import { isPrime } from './prime.js';
import { finish, type Steps } from './steps.js';
import { checkWeights } from './weights.js';

const FREE = 0xffffffff;
/**
 * Arbitrary and different: two independent hashes of one id. They are part of the placement; never
 * change them.
 */
const OFFSET_SEED = 0x6d61676c;
const SKIP_SEED = 0x65763230;
/** 2^31 - 1, which is prime. */
const MAX_SIZE = 0x7fffffff;
/** Entries looked at in a step, a millisecond or two. Of the last ones most are taken. */
const STEP_ENTRIES = 2 ** 17;
/** A table of so many is filled in one step. */
const SMALL = 2 ** 17;

/**
 * Maglev's lookup table (Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load
 * Balancer", NSDI 2016, section 3.4): every id has a preference list of all entries, a permutation,
 * and they take turns in claiming the first entry on their list that is still free. Weights as
 * Envoy does it: in each round an id claims one entry if its weight times the round has caught up
 * with its target.
 *
 * Returns the table: for each entry the number of the id that owns it. Throws
 * FAIRLEAD_INVALID_OPTION where there is no id, or not a weight for each, or `size` is no prime
 * from 2 to 2,147,483,647: with another, entries are out of reach of some ids.
 */
export function fillMaglev(ids: readonly string[], weights: readonly number[], size: number): Uint32Array {
  return finish(maglevInSteps(ids, weights, size));
}

/** The same in steps of a millisecond or two; one of 65,537 entries in a single step of 2 to 4. */
export function* maglevInSteps(ids: readonly string[], weights: readonly number[], size: number): Steps<Uint32Array> {
  const count = ids.length;
  if (count === 0) throw invalidOption('maglev table: ids', ids, 'one or more');
  if (weights.length !== count) throw invalidOption('maglev table: weights', weights, `as many as ids, ${count}`);
  checkWeights(weights, 'maglev table');
  if (size > MAX_SIZE || !isPrime(size)) {
    throw invalidOption('maglev table: size', size, `a prime number from 2 to ${MAX_SIZE}`);
  }
  const filling = new Filling(ids, weights, size);
  const entries = size > SMALL ? STEP_ENTRIES : Number.POSITIVE_INFINITY;
  while (!filling.goOn(entries)) yield;
  return filling.table;
}

class Filling {
  readonly table: Uint32Array;
  readonly #size: number;
  /** The next entry on each list. */
  readonly #next: Uint32Array;
  /** The step to the one after: coprime to a prime size, so it visits every entry. */
  readonly #skip: Uint32Array;
  readonly #weight: Float64Array;
  readonly #target: Float64Array;
  readonly #heaviest: number;
  #round = 1;
  /** Whose turn it is in the round. */
  #turn = 0;
  #filled = 0;

  constructor(ids: readonly string[], weights: readonly number[], size: number) {
    this.table = new Uint32Array(size).fill(FREE);
    this.#size = size;
    this.#next = Uint32Array.from(ids, (id) => (murmur3(id, OFFSET_SEED) >>> 0) % size);
    this.#skip = Uint32Array.from(ids, (id) => ((murmur3(id, SKIP_SEED) >>> 0) % (size - 1)) + 1);
    this.#weight = Float64Array.from(weights);
    this.#target = new Float64Array(ids.length);
    this.#heaviest = this.#weight.reduce((most, each) => Math.max(most, each), 0);
  }

  /** Looks at so many entries, or a search more. True once the table is full. */
  goOn(entries: number): boolean {
    const size = this.#size;
    const { table } = this;
    const next = this.#next;
    const skip = this.#skip;
    const target = this.#target;
    for (let looked = 0; this.#filled < size; looked++) {
      if (looked >= entries) return false;
      const id = this.#turn;
      const due = this.#round * this.#weight[id]! >= target[id]!;
      this.#turn++;
      if (this.#turn === next.length) {
        this.#turn = 0;
        this.#round++;
      }
      if (!due) continue;
      target[id] = target[id]! + this.#heaviest;
      let entry = next[id]!;
      for (; table[entry] !== FREE; looked++) entry = step(entry, skip[id]!, size);
      table[entry] = id;
      next[id] = step(entry, skip[id]!, size);
      this.#filled++;
    }
    return true;
  }
}

function step(entry: number, skip: number, size: number): number {
  const sum = entry + skip;
  return sum >= size ? sum - size : sum;
}
