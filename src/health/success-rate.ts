import type { Endpoint } from '../endpoint/endpoint.js';
import { boolean, fields, integer, number, type Reader } from '../runtime/options.js';
import { type EjectionTimes, ejectionTimes } from './ejection-times.js';
import type { Grounds, HealthSignal } from './health.js';
import { IntervalTracker } from './interval-tracker.js';
import { groundsOfTally, spread, type Tally } from './interval-window.js';
import { direct } from './signal-context.js';

export interface SuccessRateOptions extends Partial<EjectionTimes> {
  /**
   * How often endpoints are judged, by the calls since the last time; milliseconds. Default 10,000;
   * 100 to 3,600,000.
   */
  readonly intervalMs?: number;
  /** How many standard deviations below the mean is too low. Default 1.9; 0 to 100. */
  readonly stdevFactor?: number;
  /**
   * With fewer calls within the interval an endpoint is not judged. Default 100; 1 to 1,000,000.
   */
  readonly requestVolume?: number;
  /**
   * This many endpoints must have had enough calls for the published formula. Default 5; 2 to
   * 1,000,000.
   */
  readonly minimumHosts?: number;
  /**
   * With fewer than that (but two): compare each with the others. Default true; false is Envoy's
   * way, no verdict.
   */
  readonly compareFew?: boolean;
  /** The share of verdicts that is carried out. Default 1; 0 to 1. */
  readonly enforcementRatio?: number;
}

type Settings = Required<SuccessRateOptions>;

export const readSuccessRate: Reader<Settings> = fields<Settings>({
  intervalMs: number(10_000, 100, 3_600_000),
  stdevFactor: number(1.9, 0, 100),
  requestVolume: integer(100, 1, 1_000_000),
  minimumHosts: integer(5, 2, 1_000_000),
  compareFew: boolean(true),
  enforcementRatio: number(1, 0, 1),
  ...ejectionTimes,
});

/**
 * Ejects endpoints whose success rate is an outlier: below mean - 1.9 × standard deviation over the
 * endpoints that had enough calls. Envoy's success rate outlier detection and gRFC A50's
 * success_rate_ejection, with their defaults.
 *
 * That formula cannot work with few endpoints: the outlier widens the deviation it is measured by,
 * and of fewer than five even one that fails every call stays within 1.9. So there each is compared
 * with the mean and deviation of the others.
 */
export function successRate(options?: SuccessRateOptions): HealthSignal {
  const read = readSuccessRate(options, 'success_rate');
  const { enforcementRatio } = read;
  return {
    name: 'success_rate',
    enforcementRatio,
    madeWith: read,
    create: direct((context) => new SuccessRate(read, context)),
  };
}

/**
 * The standard deviation that a few others are taken to have at least: two that never fail do not
 * make 99 % an outlier. With 1.9 it is a distance of 19 points.
 */
const SMALLEST_STDEV = 0.1;

interface Judged {
  readonly endpoint: Endpoint;
  readonly successRatio: number;
  readonly calls: number;
  readonly grounds: Grounds;
}

class SuccessRate extends IntervalTracker<Settings> {
  protected override judge(tallies: readonly Tally[]): void {
    const { requestVolume, minimumHosts, compareFew, stdevFactor } = this.options;
    const judged = tallies
      .map((tally): Judged => {
        const { endpoint, answers, failures } = tally;
        const calls = answers + failures;
        return { endpoint, calls, successRatio: answers / calls, grounds: groundsOfTally(tally) };
      })
      .filter(({ calls }) => calls >= requestVolume)
      // The worst first, as not all may go.
      .sort((a, b) => a.successRatio - b.successRatio);
    const few = judged.length < minimumHosts;
    if (few && (!compareFew || judged.length < 2)) return;
    const all = few ? undefined : spread(judged.map(({ successRatio }) => successRatio));
    for (const one of judged) {
      const { mean, stdev } = all ?? spreadOfOthers(judged, one);
      const threshold = mean - stdevFactor * stdev;
      if (one.successRatio >= threshold) continue;
      const { endpoint, successRatio, calls, grounds } = one;
      const evidence = { successRatio, threshold, mean, stdev, calls, hosts: judged.length };
      this.eject(endpoint, evidence, grounds);
    }
  }
}

function spreadOfOthers(judged: readonly Judged[], one: Judged): { readonly mean: number; readonly stdev: number } {
  const { mean, stdev } = spread(judged.filter((each) => each !== one).map(({ successRatio }) => successRatio));
  return { mean, stdev: Math.max(stdev, SMALLEST_STDEV) };
}
