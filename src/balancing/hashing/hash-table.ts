import type { Endpoint } from '../../endpoint/endpoint.js';

/**
 * Says which endpoint owns a hash, and which comes next where that one cannot take it. Endpoints are numbers: their
 * places in the list it was built from. A cursor is whatever number the table likes.
 */
export interface HashTable {
  /** The cursor at the owner of a hash, a signed 32-bit number. */
  seek(hash: number): number;
  owner(cursor: number): number;
  /** The cursor that follows for this hash. Endless: comes to every endpoint sooner or later. */
  advance(cursor: number, hash: number): number;
}

export interface HashTableBuilder {
  /**
   * `members`: built from all of them, healthy or not, and walked on from those that are out; for tables where a member
   * less disturbs the others. `ready`: built from what may be picked, by weights in use.
   */
  readonly over: 'members' | 'ready';
  /** Endpoints in the order of their ids, never none. Called when one came, left, or has another weight. */
  build(endpoints: readonly Endpoint[]): HashTable;
}
