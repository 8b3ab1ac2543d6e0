/**
 * Says which endpoint owns a hash, and which comes next where that one cannot take it. Endpoints
 * are numbers: their places in the list it was built from. A cursor is whatever number the table
 * likes.
 */
export interface HashTable {
  /** The cursor at the owner of a hash, a signed 32-bit number. */
  seek(hash: number): number;
  owner(cursor: number): number;
  /** The cursor that follows for this hash. Endless: comes to every endpoint sooner or later. */
  advance(cursor: number, hash: number): number;
}
