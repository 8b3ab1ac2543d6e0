import type { Random } from '../runtime/random.js';

/**
 * Milliseconds to wait before the n-th repeat (from 1): uniform between 0 and `baseMs`·2^(n-1), capped at `maxMs`. This
 * is "full jitter" of Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), which finishes the same
 * work with the fewest calls: without jitter, clients that failed together come back together.
 */
export function fullJitterMs(repeat: number, baseMs: number, maxMs: number, random: Random): number {
  // 2^30 times any base is beyond any cap; more would overflow to Infinity, and 0·Infinity is NaN.
  const ceilingMs = Math.min(maxMs, baseMs * 2 ** Math.min(repeat - 1, 30));
  return random.float() * ceilingMs;
}
