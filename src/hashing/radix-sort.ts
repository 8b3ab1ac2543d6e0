/** Numbers and what belongs to each, in two arrays of one length. */
export interface Pairs {
  readonly keys: Uint32Array;
  readonly values: Uint32Array;
}

/**
 * Sorts pairs by key, stable, and returns them; the arrays given serve as scratch. An LSD radix
 * sort (Knuth, "The Art of Computer Programming", vol. 3, 5.2.5): three passes of 11 bits, for
 * what lies evenly over 32 bits a fifth of what a sort by comparison takes. Yields after every
 * `step` pairs of a pass.
 */
export function* radixSort(pairs: Pairs, step: number): Generator<void, Pairs> {
  const { length } = pairs.keys;
  let from = pairs;
  let to: Pairs = { keys: new Uint32Array(length), values: new Uint32Array(length) };
  for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
    const next = new Uint32Array(DIGITS);
    for (let at = 0; at < length; at += step) {
      count(from.keys, at, Math.min(at + step, length), shift, next);
      if (length > step) yield;
    }
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const here = next[digit]!;
      next[digit] = sum;
      sum += here;
    }
    for (let at = 0; at < length; at += step) {
      distribute(from, to, at, Math.min(at + step, length), shift, next);
      if (length > step) yield;
    }
    [from, to] = [to, from];
  }
  return from;
}

const DIGIT_BITS = 11;
const DIGITS = 2 ** DIGIT_BITS;

function count(keys: Uint32Array, from: number, end: number, shift: number, counts: Uint32Array): void {
  for (let at = from; at < end; at++) counts[(keys[at]! >>> shift) & (DIGITS - 1)]!++;
}

/** `next`: where the next pair of each digit goes. */
function distribute(source: Pairs, target: Pairs, from: number, end: number, shift: number, next: Uint32Array): void {
  const { keys, values } = source;
  const { keys: toKeys, values: toValues } = target;
  for (let at = from; at < end; at++) {
    const key = keys[at]!;
    const place = next[(key >>> shift) & (DIGITS - 1)]!++;
    toKeys[place] = key;
    toValues[place] = values[at]!;
  }
}
