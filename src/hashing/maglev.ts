import { invalidOption } from '../runtime/options.js';
import { MaglevLists } from './maglev-lists.js';
import { isPrime } from './prime.js';
import { finish, type Steps } from './steps.js';
import { checkWeights } from './weights.js';

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
  if (ids.length === 0) throw invalidOption('maglev table: ids', ids, 'one or more');
  if (weights.length !== ids.length) {
    throw invalidOption('maglev table: weights', weights, `as many as ids, ${ids.length}`);
  }
  checkWeights(weights, 'maglev table');
  if (size > MAX_SIZE || !isPrime(size)) {
    throw invalidOption('maglev table: size', size, `a prime number from 2 to ${MAX_SIZE}`);
  }
  return finish(new MaglevFiller(size).steps(ids.map((id, at) => ({ id, weight: weights[at]! }))));
}

/**
 * Fills tables of one size, one after the other: ids that were in the last one are not hashed
 * again. The table itself is filled from the first entry, as one id less moves the claims of all
 * that come after it.
 */
export class MaglevFiller {
  readonly #size: number;
  readonly #lists: MaglevLists;

  constructor(size: number) {
    this.#size = size;
    this.#lists = new MaglevLists(size);
  }

  /** In steps of a millisecond or two; one of 65,537 entries in a single step of 2 to 4. */
  *steps(ids: readonly MaglevId[]): Steps<Uint32Array> {
    this.#lists.update(ids);
    const filling = new Filling(this.#lists, ids, this.#size);
    const entries = this.#size > SMALL ? STEP_ENTRIES : Number.POSITIVE_INFINITY;
    while (!filling.goOn(entries)) yield;
    return filling.table;
  }
}

export interface MaglevId {
  readonly id: string;
  readonly weight: number;
}

class Filling {
  readonly table: Uint32Array;
  readonly #size: number;
  /** A bit for each entry: of a large table most reads are of taken ones, and the bits are near. */
  readonly #taken: Int32Array;
  /** The next entry on each list. */
  readonly #next: Uint32Array;
  /** The step to the one after: coprime to a prime size, so it visits every entry. */
  readonly #skip: Uint32Array;
  /** Undefined where all are due in every round. */
  readonly #due: Due | undefined;
  /** Whose turn it is in the round. */
  #turn = 0;
  #filled = 0;

  constructor({ offsets, skips }: MaglevLists, ids: readonly MaglevId[], size: number) {
    this.table = new Uint32Array(size);
    this.#taken = new Int32Array((size >>> 5) + 1);
    this.#size = size;
    this.#next = offsets.slice();
    this.#skip = skips;
    this.#due = allAlike(ids) ? undefined : new Due(ids);
  }

  /** Looks at so many entries, or a search more. True once the table is full. */
  goOn(entries: number): boolean {
    const { table } = this;
    const size = this.#size;
    const taken = this.#taken;
    const next = this.#next;
    const skip = this.#skip;
    const due = this.#due;
    for (let looked = 0; this.#filled < size; looked++) {
      if (looked >= entries) return false;
      const id = this.#turn;
      const passes = due !== undefined && !due.take(id);
      this.#turn = id + 1;
      if (this.#turn === next.length) {
        this.#turn = 0;
        due?.round();
      }
      if (passes) continue;
      const by = skip[id]!;
      let entry = next[id]!;
      for (; (taken[entry >>> 5]! & (1 << (entry & 31))) !== 0; looked++) entry = step(entry, by, size);
      taken[entry >>> 5]! |= 1 << (entry & 31);
      table[entry] = id;
      next[id] = step(entry, by, size);
      this.#filled++;
    }
    return true;
  }
}

/** Which ids claim an entry in a round, by weight. */
class Due {
  readonly #weight: Float64Array;
  readonly #target: Float64Array;
  #heaviest = 0;
  #round = 1;

  constructor(ids: readonly MaglevId[]) {
    this.#weight = new Float64Array(ids.length);
    this.#target = new Float64Array(ids.length);
    for (let at = 0; at < ids.length; at++) {
      const { weight } = ids[at]!;
      this.#weight[at] = weight;
      if (weight > this.#heaviest) this.#heaviest = weight;
    }
  }

  take(id: number): boolean {
    if (this.#round * this.#weight[id]! < this.#target[id]!) return false;
    this.#target[id] = this.#target[id]! + this.#heaviest;
    return true;
  }

  round(): void {
    this.#round++;
  }
}

/** With equal weights the sums of all are exact where these are whole: no id ever waits. */
function allAlike(ids: readonly MaglevId[]): boolean {
  const { weight } = ids[0]!;
  if (!Number.isInteger(weight)) return false;
  for (let at = 1; at < ids.length; at++) if (ids[at]!.weight !== weight) return false;
  return true;
}

function step(entry: number, skip: number, size: number): number {
  const sum = entry + skip;
  return sum >= size ? sum - size : sum;
}
