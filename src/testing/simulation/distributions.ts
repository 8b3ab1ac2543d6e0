import { invalidOption } from '../../runtime/options.js';
import type { Random } from '../../runtime/random.js';

/** Draws a duration in milliseconds, 0 or more. Any function will do: these are the usual ones. */
export type Distribution = (random: Random) => number;

/** Always the same. */
export function constant(ms: number): Distribution {
  check('constant', ms, 0);
  return () => ms;
}

/** Evenly from `fromMs` to `toMs`. */
export function uniform(fromMs: number, toMs: number): Distribution {
  check('uniform from', fromMs, 0);
  check('uniform to', toMs, fromMs);
  return (random) => fromMs + (toMs - fromMs) * random.float();
}

/**
 * The normal distribution, cut off at 0: how long a call takes where nothing waits for anything.
 */
export function normal(meanMs: number, deviationMs: number): Distribution {
  check('normal mean', meanMs, 0);
  check('normal deviation', deviationMs, 0);
  return (random) => Math.max(0, meanMs + deviationMs * standardNormal(random));
}

/** Memoryless: the service time of textbook queues. */
export function exponential(meanMs: number): Distribution {
  check('exponential mean', meanMs, 0);
  return (random) => -Math.log(1 - random.float()) * meanMs;
}

/**
 * What real response times look like: half of the draws are below `medianMs`, and a few are far
 * above. `sigma` is the deviation of the logarithm: with 0.5 the 99th percentile is 3.2 times the
 * median, with 1 it is 10 times.
 */
export function lognormal(medianMs: number, sigma: number): Distribution {
  check('lognormal median', medianMs, 0);
  check('lognormal sigma', sigma, 0);
  return (random) => medianMs * Math.exp(sigma * standardNormal(random));
}

/**
 * Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958; the second of the
 * pair is not kept.
 */
function standardNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.float())) * Math.cos(2 * Math.PI * random.float());
}

function check(name: string, value: number, min: number): void {
  if (!(value >= min && value < Number.POSITIVE_INFINITY)) throw invalidOption(name, value, `a number from ${min}`);
}

/** What a distribution of the user's drew, milliseconds: 0 or more. */
export function drawn(value: number, what: string): number {
  if (value >= 0 && value < Number.POSITIVE_INFINITY) return value;
  throw invalidOption(what, value, 'a number from 0');
}

/** The same of what lies between two calls: time must go on. */
export function drawnGap(value: number, what: string): number {
  if (value > 0 && value < Number.POSITIVE_INFINITY) return Math.max(value, SHORTEST_GAP_MS);
  throw invalidOption(what, value, 'a number above 0');
}

/** Shorter gaps between calls would keep time from going on. */
export const SHORTEST_GAP_MS = 1e-9;
