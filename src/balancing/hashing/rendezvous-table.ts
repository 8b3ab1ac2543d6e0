import type { Endpoint } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';
import { RendezvousTable } from '../../hashing/rendezvous.js';
import type { HashTableBuilder } from './hash-table.js';

/**
 * A rendezvous table over what may be picked, by weights in use; `RendezvousTable` has the
 * algorithm.
 */
export class RendezvousTableBuilder implements HashTableBuilder {
  readonly over = 'ready';

  build(endpoints: readonly Endpoint[]): HashTable {
    const ids = endpoints.map(({ spec }) => spec.id);
    return new RendezvousTable(
      ids,
      endpoints.map((endpoint) => endpoint.weight),
    );
  }
}
