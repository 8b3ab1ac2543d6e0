import type { HashTable } from '../../hashing/hash-table.js';
import { RendezvousTable } from '../../hashing/rendezvous.js';
import type { HashTableBuilder, PlacedEndpoint } from './hash-table.js';

/**
 * A rendezvous table over what may be picked, by weights in use; `RendezvousTable` has the
 * algorithm.
 */
export class RendezvousTableBuilder implements HashTableBuilder {
  readonly over = 'ready';

  build(endpoints: readonly PlacedEndpoint[]): HashTable {
    const ids = endpoints.map(({ id }) => id);
    return new RendezvousTable(
      ids,
      endpoints.map(({ weight }) => weight),
    );
  }
}
