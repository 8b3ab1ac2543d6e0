/** Parts of each power of two: with 16 a duration is known to a sixteenth of its value. */
const PARTS_BITS = 4;
const PARTS = 1 << PARTS_BITS;
/** Microseconds of 31 bits, 35 minutes: what a difference of ticks can be. */
const BUCKETS = (32 - PARTS_BITS) * PARTS;
const MAX_MICROS = 2 ** 31 - 1;

/**
 * How many durations were how long, in buckets that widen with the duration (log-linear, as in
 * HdrHistogram). 2 kB, and some nanoseconds for each duration, which allocate nothing. Durations
 * are whole microseconds, from 0 to 35 minutes; what is longer counts as that.
 */
export class LatencyCounts {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(micros: number): void {
    this.#counts[bucketOf(micros)]!++;
    this.#total++;
  }

  /** How many were no longer than this, or than a sixteenth more. O(buckets). */
  within(micros: number): number {
    return this.#sum(0, bucketOf(micros) + 1);
  }

  /** How many were as long as this, or as a sixteenth less, or longer. O(buckets). */
  from(micros: number): number {
    return this.#sum(bucketOf(micros), BUCKETS);
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  #sum(first: number, end: number): number {
    let sum = 0;
    for (let i = first; i < end; i++) sum += this.#counts[i]!;
    return sum;
  }
}

function bucketOf(micros: number): number {
  const whole = Math.min(micros, MAX_MICROS) | 0;
  if (whole < PARTS) return whole;
  const exponent = 31 - Math.clz32(whole);
  return ((exponent - PARTS_BITS + 1) << PARTS_BITS) + ((whole >>> (exponent - PARTS_BITS)) & (PARTS - 1));
}
