import type { HashTable } from '../../hashing/hash-table.js';
import type { KeyRing } from '../../hashing/key-ring.js';
import type { Ring } from '../../hashing/ring.js';
import { finish, type Steps } from '../../hashing/steps.js';
import type { HashTableBuilder, PlacedEndpoint } from './hash-table.js';

/** A ring as a picker's table: cursors are positions on it. */
export class RingTableBuilder implements HashTableBuilder {
  readonly over = 'members';
  readonly #keys: KeyRing;

  constructor(keys: KeyRing) {
    this.#keys = keys;
  }

  build(endpoints: readonly PlacedEndpoint[]): HashTable {
    return finish(this.steps(endpoints));
  }

  *steps(endpoints: readonly PlacedEndpoint[]): Steps<HashTable> {
    yield* this.#keys.updateInSteps(endpoints);
    return new RingTable(this.#keys.ring);
  }
}

class RingTable implements HashTable {
  readonly #ring: Ring;

  constructor(ring: Ring) {
    this.#ring = ring;
  }

  seek(hash: number): number {
    return this.#ring.find(hash);
  }

  owner(cursor: number): number {
    return this.#ring.owners[cursor]!;
  }

  advance(cursor: number): number {
    return this.#ring.next(cursor);
  }
}
