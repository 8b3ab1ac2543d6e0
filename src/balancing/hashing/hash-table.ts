import type { Endpoint } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';

export interface HashTableBuilder {
  /**
   * `members`: built from all of them, healthy or not, and walked on from those that are out; for
   * tables where a member less disturbs the others. `ready`: built from what may be picked, by
   * weights in use.
   */
  readonly over: 'members' | 'ready';
  /**
   * Endpoints in the order of their ids, never none. Called when one came, left, or has another
   * weight.
   */
  build(endpoints: readonly Endpoint[]): HashTable;
}
