import type { Random } from '../../runtime/random.js';
import type { Schedule } from './schedule.js';

/**
 * Earliest deadline first: every index has a deadline, the earliest is taken and its next one is
 * 1/weight later. The way Envoy schedules unequal weights (source/common/upstream/edf_scheduler.h).
 * First deadlines are drawn at random within the first period, so that equal weights do not come up
 * in the same order for every client.
 *
 * A binary heap in two typed arrays: O(log n) per turn.
 */
export class EdfSchedule implements Schedule {
  #heap: Uint32Array;
  #deadlines: Float64Array;
  #periods: Float64Array;
  readonly position = 0;

  constructor(weights: readonly number[], random: Random) {
    this.#periods = Float64Array.from(weights, (weight) => 1 / weight);
    this.#deadlines = this.#periods.map((period) => period * random.float());
    this.#heap = Uint32Array.from(weights, (_, index) => index);
    this.#heap.sort((a, b) => this.#deadlines[a]! - this.#deadlines[b]!);
  }

  copy(): Schedule {
    const copy = new EdfSchedule([], NO_DRAWS);
    copy.#periods = this.#periods;
    copy.#deadlines = this.#deadlines.slice();
    copy.#heap = this.#heap.slice();
    return copy;
  }

  next(): number {
    const heap = this.#heap;
    const deadlines = this.#deadlines;
    const top = heap[0]!;
    const deadline = deadlines[top]! + this.#periods[top]!;
    deadlines[top] = deadline;
    // Sift the taken one down to where its new deadline belongs.
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && deadlines[heap[child + 1]!]! < deadlines[heap[child]!]!) child++;
      if (deadlines[heap[child]!]! >= deadline) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = top;
    return top;
  }
}

/** A copy draws no deadlines. */
const NO_DRAWS: Random = { below: () => 0, float: () => 0 };
