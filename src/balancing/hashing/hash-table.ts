import type { Endpoint } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';
import type { Steps } from '../../hashing/steps.js';

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
  /**
   * The same in steps of a few milliseconds, for tables that take long. May be left off before the
   * last; then the next build begins where the last finished one ended.
   */
  steps?(endpoints: readonly Endpoint[]): Steps<HashTable>;
}
