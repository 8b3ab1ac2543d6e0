import type { Random } from '../../runtime/random.js';

/**
 * A binary heap of numbered classes, least load first; classes of equal load take turns, the one
 * whose turn is due first (earliest deadline first, as in `EdfSchedule`). In typed arrays; O(log
 * n).
 */
export class ClassHeap {
  #heap: Int32Array;
  /** Where each class stands in the heap. */
  #places: Int32Array;
  #weights: Float64Array;
  #loads: Float64Array;
  #turns: Float64Array;

  /**
   * `counts` are the least calls in flight in each class. Integers go in and none but integers:
   * doubles are boxed.
   */
  constructor(weights: readonly number[], counts: readonly number[]) {
    this.#weights = Float64Array.from(weights);
    this.#loads = Float64Array.from(counts, (count, index) => count / weights[index]!);
    this.#turns = new Float64Array(weights.length);
    this.#heap = Int32Array.from(weights.keys()).sort((a, b) => this.#loads[a]! - this.#loads[b]!);
    this.#places = new Int32Array(weights.length);
    for (let place = 0; place < this.#heap.length; place++) this.#places[this.#heap[place]!] = place;
  }

  copy(): ClassHeap {
    const copy = new ClassHeap([], []);
    copy.#heap = this.#heap.slice();
    copy.#places = this.#places.slice();
    copy.#weights = this.#weights;
    copy.#loads = this.#loads.slice();
    copy.#turns = this.#turns.slice();
    return copy;
  }

  /** The class of least load whose turn it is. */
  get top(): number {
    return this.#heap[0]!;
  }

  /** The least count in a class changed. */
  set(index: number, count: number): void {
    this.#loads[index] = count / this.#weights[index]!;
    // It may have been away from the top for long: turns it did not take are not made up for.
    const now = this.#turns[this.top]!;
    if (this.#turns[index]! < now) this.#turns[index] = now;
    this.#settle(index);
  }

  /**
   * The class had its turn. Its share of the turns is its weight times the number of its least
   * loaded endpoints.
   */
  took(index: number, ties: number): void {
    if (this.#heap.length === 1) return;
    this.#turns[index] = this.#turns[index]! + 1 / (this.#weights[index]! * ties);
    this.#settle(index);
  }

  /** Puts the first turn of a class at a random point within its first period. */
  shuffle(index: number, ties: number, random: Random): void {
    this.#turns[index] = random.float() / (this.#weights[index]! * ties);
    this.#settle(index);
  }

  #settle(index: number): void {
    const heap = this.#heap;
    let at = this.#places[index]!;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(index, heap[parent]!)) break;
      this.#put(heap[parent]!, at);
      at = parent;
    }
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#before(heap[child + 1]!, heap[child]!)) child++;
      if (!this.#before(heap[child]!, index)) break;
      this.#put(heap[child]!, at);
      at = child;
    }
    this.#put(index, at);
  }

  #put(index: number, place: number): void {
    this.#heap[place] = index;
    this.#places[index] = place;
  }

  #before(a: number, b: number): boolean {
    const difference = this.#loads[a]! - this.#loads[b]!;
    return difference < 0 || (difference === 0 && this.#turns[a]! < this.#turns[b]!);
  }
}
