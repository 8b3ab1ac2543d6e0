import type { Random } from 'fairlead';
import { Judge, type JudgeSettings } from '../../../src/routing/canary/judge.js';
import { DEFAULT_JUDGE } from '../../../src/routing/canary/options.js';

/** Two arms as the rows of the published comparison of tests have them. */
export interface Row {
  readonly rps: number;
  readonly canaryShare: number;
  readonly lookEveryS: number;
  readonly looks: number;
  readonly canaryRate: number;
  readonly baselineRate: number;
  /** Some looks are an incident of both arms: their probability, and how many times as bad. */
  readonly incidents?: { readonly probability: number; readonly times: number };
  readonly signal?: 'errors' | 'latency';
}

/** A Poisson number: exact by products for small means, else by the normal law. */
function poisson(mean: number, random: Random): number {
  if (mean > 60) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const limit = Math.exp(-mean);
  let product = random.float();
  let count = 0;
  while (product > limit) {
    product *= random.float();
    count++;
  }
  return count;
}

/** Box and Muller, 1958. */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

/** A binomial number: by the gaps between successes where these are few, else by the normal law. */
function binomial(n: number, p: number, random: Random): number {
  if (p <= 0 || n === 0) return 0;
  if (p >= 1) return n;
  if (n * p * (1 - p) > 100) {
    const drawn = Math.round(n * p + Math.sqrt(n * p * (1 - p)) * normal(random));
    return Math.min(n, Math.max(0, drawn));
  }
  let count = 0;
  for (let at = gap(p, random); at <= n; at += gap(p, random)) count++;
  return count;
}

function gap(p: number, random: Random): number {
  return 1 + Math.floor(Math.log(1 - random.float()) / Math.log1p(-p));
}

/** Seconds until the canary is found to be worse; undefined where it never is. */
export function foundAfterS(row: Row, random: Random, settings: JudgeSettings = DEFAULT_JUDGE): number | undefined {
  const canary = { calls: 0, errors: 0, slow: 0, timed: 0 };
  const baseline = { calls: 0, errors: 0, slow: 0, timed: 0 };
  const judge = new Judge(settings, canary, baseline);
  const calls = row.rps * row.lookEveryS;
  for (let look = 1; look <= row.looks; look++) {
    const hit = row.incidents !== undefined && random.float() < row.incidents.probability ? row.incidents.times : 1;
    advance(canary, poisson(calls * row.canaryShare, random), Math.min(1, row.canaryRate * hit), row, random);
    advance(baseline, poisson(calls * (1 - row.canaryShare), random), Math.min(1, row.baselineRate * hit), row, random);
    if (judge.look(canary, baseline) !== undefined) return look * row.lookEveryS;
  }
  return undefined;
}

type Tally = { calls: number; errors: number; slow: number; timed: number };

function advance(tally: Tally, calls: number, rate: number, { signal = 'errors' }: Row, random: Random): void {
  const bad = binomial(calls, rate, random);
  tally.calls += calls;
  tally.timed += calls;
  if (signal === 'errors') tally.errors += bad;
  else tally.slow += bad;
}

/** How many of `runs` runs found the canary to be worse. */
export function found(row: Row, runs: number, random: Random, settings?: JudgeSettings): number {
  let count = 0;
  for (let run = 0; run < runs; run++) if (foundAfterS(row, random, settings) !== undefined) count++;
  return count;
}

/** The upper and lower 95 % bounds of a share (Wilson, 1927). */
export function wilson(hits: number, runs: number): readonly [lower: number, upper: number] {
  const z = 1.96;
  const p = hits / runs;
  const middle = (p + z ** 2 / (2 * runs)) / (1 + z ** 2 / runs);
  const half = (z / (1 + z ** 2 / runs)) * Math.sqrt((p * (1 - p)) / runs + z ** 2 / (4 * runs ** 2));
  return [middle - half, middle + half];
}
