/**
 * Members sorted by a count that mostly changes by one, in O(1) per step: all members lie in one
 * array in the order of their counts, and `starts` says where each count begins. A member whose
 * count changes by one swaps places with the one at the edge of its bucket and the edge moves past
 * it.
 */
export class CountBuckets {
  /** Members in the order of their counts. */
  #order: Int32Array;
  /** Where each member stands in `order`. */
  #places: Int32Array;
  #counts: Int32Array;
  /** For each count, how many members have less. */
  #starts: Int32Array;
  #least = 0;

  constructor(counts: readonly number[]) {
    const clamped = Int32Array.from(counts, (count) => Math.min(count, MAX_COUNT));
    const highest = clamped.reduce((most, count) => Math.max(most, count), 0);
    const starts = new Int32Array(Math.max(highest + 2, INITIAL_COUNTS));
    for (const count of clamped) starts[count + 1]!++;
    for (let count = 1; count < starts.length; count++) starts[count]! += starts[count - 1]!;
    const free = starts.slice();
    this.#order = new Int32Array(counts.length);
    this.#places = new Int32Array(counts.length);
    for (let member = 0; member < counts.length; member++) {
      const place = free[clamped[member]!]!++;
      this.#order[place] = member;
      this.#places[member] = place;
    }
    this.#counts = clamped;
    this.#starts = starts;
    this.#skipEmpty();
  }

  copy(): CountBuckets {
    const copy = new CountBuckets([]);
    copy.#order = this.#order.slice();
    copy.#places = this.#places.slice();
    copy.#counts = this.#counts.slice();
    copy.#starts = this.#starts.slice();
    copy.#least = this.#least;
    return copy;
  }

  /** The least count of all. */
  get least(): number {
    return this.#least;
  }

  /** How many members have the least count. */
  get ties(): number {
    return this.#starts[this.#least + 1]!;
  }

  /** One of the members with the least count; `index` from 0 to below `ties`. */
  tied(index: number): number {
    return this.#order[index]!;
  }

  /**
   * Sets a member's count. Costs its distance from the last one; allocates only when it is higher
   * than any before.
   */
  set(member: number, to: number): void {
    const target = to > MAX_COUNT ? MAX_COUNT : to;
    let count = this.#counts[member]!;
    if (count === target) return;
    while (count < target) {
      if (count + 2 >= this.#starts.length) this.#grow();
      const edge = --this.#starts[count + 1]!;
      this.#swap(member, edge);
      count++;
    }
    while (count > target) {
      const edge = this.#starts[count]!++;
      this.#swap(member, edge);
      count--;
    }
    this.#counts[member] = target;
    if (target < this.#least) this.#least = target;
    else this.#skipEmpty();
  }

  /** Sets a member's count unless it is that low already. */
  lower(member: number, to: number): void {
    if (to < this.#counts[member]!) this.set(member, to);
  }

  #swap(member: number, place: number): void {
    const from = this.#places[member]!;
    const other = this.#order[place]!;
    this.#order[from] = other;
    this.#places[other] = from;
    this.#order[place] = member;
    this.#places[member] = place;
  }

  /**
   * No member has less than the least: its bucket is empty when none has less than one more.
   */
  #skipEmpty(): void {
    if (this.#order.length === 0) return;
    while (this.#starts[this.#least + 1] === 0) this.#least++;
  }

  #grow(): void {
    const grown = new Int32Array(this.#starts.length * 2).fill(this.#order.length);
    grown.set(this.#starts);
    this.#starts = grown;
  }
}

const INITIAL_COUNTS = 64;
/**
 * Members with more than this are taken for equal: none has that many calls in flight, and the
 * edges need memory.
 */
const MAX_COUNT = 65_535;
