import type { HashTable } from '../../hashing/hash-table.js';
import { MaglevFiller } from '../../hashing/maglev.js';
import { finish, type Steps } from '../../hashing/steps.js';
import type { HashTableBuilder, PlacedEndpoint } from './hash-table.js';

/** Maglev's table over the members of a service; `fillMaglev` has the algorithm. */
export class MaglevTableBuilder implements HashTableBuilder {
  readonly over = 'members';
  readonly #filler: MaglevFiller;

  constructor(size: number) {
    this.#filler = new MaglevFiller(size);
  }

  build(endpoints: readonly PlacedEndpoint[]): HashTable {
    return finish(this.steps(endpoints));
  }

  *steps(endpoints: readonly PlacedEndpoint[]): Steps<HashTable> {
    return new MaglevTable(yield* this.#filler.steps(endpoints));
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
