import type { Random } from 'fairlead';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const RESAMPLES = 2_000;
/** Of all resamples, so much lies outside the interval on each side: together 95 % are inside. */
const TAIL = 0.025;

/**
 * The 95 % percentile bootstrap interval of the median: Efron and Tibshirani, "An Introduction to
 * the Bootstrap", 1993, chapter 13. Of values that come from rounds which do not influence each
 * other.
 */
export function medianInterval(values: readonly number[], random: Random): Interval {
  const medians = Array.from({ length: RESAMPLES }, () =>
    median(values.map(() => values[random.below(values.length)]!)),
  ).sort((a, b) => a - b);
  return { low: medians[Math.floor(RESAMPLES * TAIL)]!, high: medians[Math.ceil(RESAMPLES * (1 - TAIL)) - 1]! };
}

/** With fewer rounds an interval says nothing. */
export const MIN_ROUNDS = 6;

export type Verdict = 'met' | 'missed' | 'lower' | 'higher' | 'cannot tell';

/**
 * What a ratio says. `control` is the interval of the baseline against itself: a difference that
 * lies within it is the machine's. With a target, the whole interval must lie on one side of it,
 * and the target outside the control's, or the run cannot tell.
 */
export function judge(ratio: Interval, control: Interval, target: number | undefined): Verdict {
  if (target === undefined) {
    if (ratio.high < Math.min(1, control.low)) return 'lower';
    return ratio.low > Math.max(1, control.high) ? 'higher' : 'cannot tell';
  }
  // So far apart that no noise explains it, on whichever side of the target.
  const covered = target >= control.low && target <= control.high;
  if (ratio.high <= target) return covered && ratio.high >= control.low ? 'cannot tell' : 'met';
  if (ratio.low > target) return covered && ratio.low <= control.high ? 'cannot tell' : 'missed';
  return 'cannot tell';
}
