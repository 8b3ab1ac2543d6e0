/**
 * e^(-ratio), for `ratio` of 0 or more: how much of an estimate is left after that many time
 * constants. Below `SMALL_RATIO`, where busy endpoints are, by the first terms of its series, at a
 * fraction of the cost and off by less than 4 millionths. Returns NaN for NaN.
 *
 * Hot paths write this out: a double that crosses a call which V8 does not inline becomes a heap
 * object.
 */
export function decayed(ratio: number): number {
  return ratio < SMALL_RATIO ? 1 - ratio * (1 - ratio * (0.5 - ratio / 6)) : Math.exp(-ratio);
}

export const SMALL_RATIO = 0.1;
