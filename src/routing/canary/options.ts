import {
  described,
  fields,
  integer,
  invalidOption,
  number,
  optional,
  type Reader,
  required,
  text,
} from '../../runtime/options.js';
import type { JudgeSettings } from './judge.js';

export interface CanaryStep {
  /** Percent of the calls; above 0 to 100, and more than the step before. */
  readonly share: number;
  /** The step lasts at least this long; milliseconds. Default 120,000; 1 to 604,800,000. */
  readonly minMs?: number;
  /**
   * And until the canary served this many calls. Default 20, from a share of 25 on 200; 1 to
   * 1,000,000.
   */
  readonly minCalls?: number;
}

export interface CanaryOptions {
  /** The arm of the split that is the canary. */
  readonly arm: string;
  /** Default: 1, 5, 25, 50 and 100 %. */
  readonly steps?: readonly CanaryStep[];
  /** How often it is looked at; milliseconds. Default 10,000; 100 to 3,600,000. */
  readonly lookEveryMs?: number;
  /** Probability of a false alarm per signal and step. Default 0.01; 0.000001 to 0.5. */
  readonly alpha?: number;
  /** No verdict on fewer calls of the canary. Default 20; 1 to 1,000,000. */
  readonly minCalls?: number;
  /** No verdict on fewer bad calls of the canary. Default 3; 1 to 1,000,000. */
  readonly minBad?: number;
  /** Errors must be more by this, in points of a per cent. Default 0.5; 0 to 100. */
  readonly errorPoints?: number;
  /** Slow calls must be this many times the baseline's share. Default 2; 1 to 1,000. */
  readonly slowTimes?: number;
  /**
   * Rolls back also where the canary's error rate alone is above this, whatever the baseline's, in
   * per cent. It fires at any bad day of both. Default: none; 0 to 100.
   */
  readonly maxErrorPercent?: number;
  /**
   * A step that waits for calls this long is reported as `stalled`; milliseconds. Default
   * 1,800,000; 1 to 604,800,000.
   */
  readonly stalledAfterMs?: number;
}

export type StepSettings = Required<CanaryStep>;

export interface CanarySettings {
  readonly arm: string;
  readonly steps: readonly StepSettings[];
  readonly lookEveryMs: number;
  readonly judge: JudgeSettings;
  readonly maxErrorPercent: number | undefined;
  readonly stalledAfterMs: number;
}

export const DEFAULT_JUDGE: JudgeSettings = { alpha: 0.01, minCalls: 20, minBad: 3, errorPoints: 0.5, slowTimes: 2 };

const DEFAULT_STEPS = [1, 5, 25, 50, 100].map((share) => ({ share }));
const MANY_FROM_SHARE = 25;
const WEEK_MS = 604_800_000;
const MAX_STEPS = 100;
const MILLION = 1_000_000;

const readStep: Reader<StepSettings> = fields<
  { share: number; minMs: number; minCalls: number | undefined },
  StepSettings
>(
  {
    share: required(number(1, 0.01, 100), 'a number from 0.01 to 100'),
    minMs: number(120_000, 1, WEEK_MS),
    minCalls: optional(integer(20, 1, MILLION)),
  },
  ({ share, minMs, minCalls }) => ({ share, minMs, minCalls: minCalls ?? (share >= MANY_FROM_SHARE ? 200 : 20) }),
);

const steps: Reader<readonly StepSettings[]> = described(
  { shape: { type: 'list', items: readStep, min: 1, max: MAX_STEPS }, fallback: DEFAULT_STEPS },
  (value, name) => {
    const given = value ?? DEFAULT_STEPS;
    if (!Array.isArray(given) || given.length === 0 || given.length > MAX_STEPS) {
      throw invalidOption(name, value, `an array of 1 to ${MAX_STEPS} steps`);
    }
    const read = given.map((each, i) => readStep(each ?? null, `${name}[${i}]`));
    for (let i = 1; i < read.length; i++) {
      const { share } = read[i - 1]!;
      if (read[i]!.share <= share) throw invalidOption(`${name}[${i}].share`, read[i]!.share, `more than ${share}`);
    }
    return read;
  },
);

type Read = Omit<CanarySettings, 'judge'> & JudgeSettings;

/** Reads what a canary is to go through. Throws FAIRLEAD_INVALID_OPTION. */
export const readCanary: Reader<CanarySettings> = fields<Read, CanarySettings>(
  {
    arm: required(text(''), 'the name of an arm of the split'),
    steps,
    lookEveryMs: number(10_000, 100, 3_600_000),
    alpha: number(DEFAULT_JUDGE.alpha, 1e-6, 0.5),
    minCalls: integer(DEFAULT_JUDGE.minCalls, 1, MILLION),
    minBad: integer(DEFAULT_JUDGE.minBad, 1, MILLION),
    errorPoints: number(DEFAULT_JUDGE.errorPoints, 0, 100),
    slowTimes: number(DEFAULT_JUDGE.slowTimes, 1, 1_000),
    maxErrorPercent: optional(number(100, 0, 100)),
    stalledAfterMs: number(1_800_000, 1, WEEK_MS),
  },
  ({ alpha, minCalls, minBad, errorPoints, slowTimes, ...rest }) => ({
    ...rest,
    judge: { alpha, minCalls, minBad, errorPoints, slowTimes },
  }),
  'Each step has a larger share than the one before, and fits beside the other arms',
);

/** Other arms keep their shares: a step must fit beside them. */
export function checkSteps(
  arms: readonly { readonly name: string; readonly percent: number }[],
  { arm, steps: read }: CanarySettings,
  name: string,
): void {
  const room = 100 - arms.reduce((sum, each) => sum + (each.name === arm ? 0 : each.percent), 0);
  for (const [i, { share }] of read.entries()) {
    if (share > room) throw invalidOption(`${name}.steps[${i}].share`, share, `at most ${room} beside the other arms`);
  }
}
