import { hash32 } from '../../runtime/hash.js';

/** A share is counted in hundredths of a per cent. */
export const BUCKETS = 10_000;

/** A part of the calls by its name; percent of all calls, to two decimals. */
export interface Share {
  readonly name: string;
  readonly percent: number;
}

/**
 * Which arm each of 10,000 buckets belongs to: the index of the arm, or `shares.length` for the
 * baseline. Each arm claims the free buckets that follow a place of its own, which its name says.
 * So a raised share only adds buckets to its arm, a lowered one only gives some back, and arms
 * before it in the list notice nothing; one after it moves no more than what it has to give up.
 */
export function bucketsOf(shares: readonly Share[]): Uint8Array {
  const buckets = new Uint8Array(BUCKETS).fill(shares.length);
  for (const [index, { name, percent }] of shares.entries()) {
    let wanted = bucketCount(percent);
    for (let at = hash32(name) % BUCKETS; wanted > 0; at = (at + 1) % BUCKETS) {
      if (buckets[at] !== shares.length) continue;
      buckets[at] = index;
      wanted--;
    }
  }
  return buckets;
}

/** How many buckets a share is. */
export function bucketCount(percent: number): number {
  return Math.round((percent * BUCKETS) / 100);
}

/** The bucket of a key, by a hash of it that the split's name salts. */
export function bucketOf(hash: number): number {
  // The upper bits of the product: no modulo, no bias that 32 bits could show.
  return Math.floor((hash / 2 ** 32) * BUCKETS);
}
