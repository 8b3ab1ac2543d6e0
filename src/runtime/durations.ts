import { bucketOf, countsUpTo, LATENCY_BUCKETS } from './latency-counts.js';

const MICROS_PER_MS = 1_000;
const MAX_MICROS = 2 ** 31 - 1;

/**
 * Durations by bucket, and their sum: for histograms of metrics. Only grows; 3.6 kB, and an
 * addition for each, which allocates nothing.
 */
export class Durations {
  readonly counts: Float64Array = new Float64Array(LATENCY_BUCKETS);
  readonly #sum = new Float64Array(1);

  /** One took so many microseconds, 0 or more; whole ones count. Hot path. */
  add(micros: number): void {
    const whole = micros < MAX_MICROS ? micros | 0 : MAX_MICROS;
    this.counts[bucketOf(whole)]!++;
    this.#sum[0]! += whole;
  }

  /** Adds those of another. */
  addAll({ counts, sumMs }: Durations): void {
    for (let i = 0; i < counts.length; i++) this.counts[i]! += counts[i]!;
    this.#sum[0]! += sumMs * MICROS_PER_MS;
  }

  get sumMs(): number {
    return this.#sum[0]! / MICROS_PER_MS;
  }

  /** O(buckets). */
  get count(): number {
    return this.counts.reduce((all, each) => all + each, 0);
  }

  /**
   * How many took no longer than each of these boundaries, which rise; the last is how many there
   * were. A duration counts by the upper end of its bucket, so as up to a sixteenth longer.
   */
  upTo(boundariesMs: readonly number[]): number[] {
    return countsUpTo(this.counts, boundariesMs);
  }
}
