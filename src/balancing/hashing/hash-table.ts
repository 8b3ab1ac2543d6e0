import type { HashTable } from '../../hashing/hash-table.js';
import type { Steps } from '../../hashing/steps.js';

/** What decides about an endpoint's place in a table. */
export interface PlacedEndpoint {
  readonly id: string;
  /** As the builder wants it: of discovery, or in use. */
  readonly weight: number;
}

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
  build(endpoints: readonly PlacedEndpoint[]): HashTable;
  /**
   * The same in steps of a few milliseconds, for tables that take long. May be left off before the
   * last; then the next build begins where the last finished one ended.
   */
  steps?(endpoints: readonly PlacedEndpoint[]): Steps<HashTable>;
}
