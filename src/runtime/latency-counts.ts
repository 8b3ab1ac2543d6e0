/** Parts of each power of two: with 16 a duration is known to a sixteenth of its value. */
const PARTS_BITS = 4;
const PARTS = 1 << PARTS_BITS;
/** Microseconds of 31 bits, 35 minutes: what a difference of ticks can be. */
export const LATENCY_BUCKETS: number = (32 - PARTS_BITS) * PARTS;
const MAX_MICROS = 2 ** 31 - 1;
const MICROS_PER_MS = 1_000;

/**
 * How many durations were how long, in buckets that widen with the duration (log-linear, as in
 * HdrHistogram). 2 kB, and some nanoseconds for each duration, which allocate nothing. Durations
 * are whole microseconds, from 0 to 35 minutes; what is longer counts as that.
 */
export class LatencyCounts {
  readonly #counts = new Uint32Array(LATENCY_BUCKETS);
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
    return this.#sum(bucketOf(micros), LATENCY_BUCKETS);
  }

  /** The counts of both by bucket. O(buckets). */
  with(other: LatencyCounts): Uint32Array {
    return this.#counts.map((count, bucket) => count + other.#counts[bucket]!);
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

/** The bucket of a duration of whole microseconds, 0 or more. */
export function bucketOf(micros: number): number {
  const whole = Math.min(micros, MAX_MICROS) | 0;
  if (whole < PARTS) return whole;
  const exponent = 31 - Math.clz32(whole);
  return ((exponent - PARTS_BITS + 1) << PARTS_BITS) + ((whole >>> (exponent - PARTS_BITS)) & (PARTS - 1));
}

/** The longest duration that a bucket holds, in microseconds. */
export function longestOf(bucket: number): number {
  if (bucket < PARTS) return bucket;
  const shift = (bucket >>> PARTS_BITS) - 1;
  return (PARTS + (bucket & (PARTS - 1)) + 1) * 2 ** shift - 1;
}

/**
 * How many lie in buckets whose upper end is at most each of these boundaries, which rise, in
 * milliseconds; the last is how many there are. O(buckets).
 */
export function countsUpTo(counts: ArrayLike<number>, boundariesMs: readonly number[]): number[] {
  let bucket = 0;
  let sum = 0;
  const sums = boundariesMs.map((boundary) => {
    const micros = boundary * MICROS_PER_MS;
    while (bucket < counts.length && longestOf(bucket) <= micros) sum += counts[bucket++]!;
    return sum;
  });
  while (bucket < counts.length) sum += counts[bucket++]!;
  return [...sums, sum];
}

/**
 * The durations that these shares of them, 0 to 1 in rising order, did not exceed: each the middle
 * of its bucket, so within a thirty-second; microseconds. NaN where `total`, which is the sum of
 * the counts, is 0. O(buckets).
 */
export function quantilesMicros(counts: ArrayLike<number>, total: number, quantiles: readonly number[]): number[] {
  let bucket = 0;
  let within = total > 0 ? counts[0]! : 0;
  return quantiles.map((quantile) => {
    if (total === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(total * quantile));
    while (within < rank && bucket < counts.length - 1) within += counts[++bucket]!;
    const shortest = bucket === 0 ? 0 : longestOf(bucket - 1) + 1;
    return (shortest + longestOf(bucket)) / 2;
  });
}
