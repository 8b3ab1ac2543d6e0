import type { Endpoint } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';
import { maglevInSteps } from '../../hashing/maglev.js';
import { finish, type Steps } from '../../hashing/steps.js';
import type { HashTableBuilder } from './hash-table.js';

/** Maglev's table over the members of a service; `fillMaglev` has the algorithm. */
export class MaglevTableBuilder implements HashTableBuilder {
  readonly over = 'members';
  readonly #size: number;

  constructor(size: number) {
    this.#size = size;
  }

  build(endpoints: readonly Endpoint[]): HashTable {
    return finish(this.steps(endpoints));
  }

  *steps(endpoints: readonly Endpoint[]): Steps<HashTable> {
    const ids = endpoints.map(({ spec }) => spec.id);
    const weights = endpoints.map(({ spec }) => spec.weight);
    return new MaglevTable(yield* maglevInSteps(ids, weights, this.#size));
  }
}

class MaglevTable implements HashTable {
  readonly #entries: Uint32Array;

  constructor(entries: Uint32Array) {
    this.#entries = entries;
  }

  seek(hash: number): number {
    return (hash >>> 0) % this.#entries.length;
  }

  owner(cursor: number): number {
    return this.#entries[cursor]!;
  }

  /** The neighbouring entry may belong to any endpoint: neighbours were claimed independently. */
  advance(cursor: number): number {
    return cursor + 1 === this.#entries.length ? 0 : cursor + 1;
  }
}
