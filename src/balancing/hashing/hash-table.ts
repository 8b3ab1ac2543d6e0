import type { Endpoint } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';

export interface HashTableBuilder {
  /**
   * `members`: built over all members; unhealthy owners are skipped at lookup. For tables in which
   * removing a member moves other members' keys. `ready`: built over what may be picked, by weights
   * in use.
   */
  readonly over: 'members' | 'ready';
  /**
   * Endpoints in the order of their ids, never none. Called when one came, left, or has another
   * weight.
   */
  build(endpoints: readonly Endpoint[]): HashTable;
}
