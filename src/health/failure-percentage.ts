import { boolean, fields, integer, number, type Reader } from '../runtime/options.js';
import { type EjectionTimes, ejectionTimes } from './ejection-times.js';
import type { HealthSignal } from './health.js';
import { IntervalTracker } from './interval-tracker.js';
import { groundsOfTally, type Tally } from './interval-window.js';
import { direct } from './signal-context.js';

export interface FailurePercentageOptions extends Partial<EjectionTimes> {
  /**
   * How often endpoints are judged, by the calls since the last time; milliseconds. Default 10,000;
   * 100 to 3,600,000.
   */
  readonly intervalMs?: number;
  /** An endpoint that fails this share of its calls, or more, is ejected. Default 0.85; 0 to 1. */
  readonly threshold?: number;
  /** With fewer calls within the interval an endpoint is not judged. Default 50; 1 to 1,000,000. */
  readonly requestVolume?: number;
  /** This many endpoints must have had enough calls. Default 5; 1 to 1,000,000. */
  readonly minimumHosts?: number;
  /**
   * With fewer than that: judge nevertheless where another endpoint with enough calls is below the
   * threshold, so that a fault behind all of them ejects none. Default true; false is Envoy's way,
   * no verdict.
   */
  readonly compareFew?: boolean;
  /** The share of verdicts that is carried out. Default 1; 0 to 1. */
  readonly enforcementRatio?: number;
}

type Settings = Required<FailurePercentageOptions>;

export const readFailurePercentage: Reader<Settings> = fields<Settings>({
  intervalMs: number(10_000, 100, 3_600_000),
  threshold: number(0.85, 0, 1),
  requestVolume: integer(50, 1, 1_000_000),
  minimumHosts: integer(5, 1, 1_000_000),
  compareFew: boolean(true),
  enforcementRatio: number(1, 0, 1),
  ...ejectionTimes,
});

/**
 * Ejects endpoints that fail too large a share of their calls, whatever the others do: Envoy's
 * failure percentage outlier detection and gRFC A50's failure_percentage_ejection, with their
 * defaults.
 */
export function failurePercentage(options?: FailurePercentageOptions): HealthSignal {
  const read = readFailurePercentage(options, 'failure_percentage');
  const { enforcementRatio } = read;
  return {
    name: 'failure_percentage',
    enforcementRatio,
    madeWith: read,
    create: direct((context) => new FailurePercentage(read, context)),
  };
}

class FailurePercentage extends IntervalTracker<Settings> {
  protected override judge(tallies: readonly Tally[]): void {
    const { threshold, requestVolume, minimumHosts, compareFew } = this.options;
    const judged = tallies
      .map((tally) => {
        const { endpoint, answers, failures } = tally;
        const calls = answers + failures;
        return { endpoint, calls, failureRatio: failures / calls, grounds: groundsOfTally(tally) };
      })
      .filter(({ calls }) => calls >= requestVolume)
      // The worst first, as not all may go.
      .sort((a, b) => b.failureRatio - a.failureRatio);
    const someAreWell = judged.some(({ failureRatio }) => failureRatio < threshold);
    if (judged.length < minimumHosts && !(compareFew && someAreWell)) return;
    for (const { endpoint, failureRatio, calls, grounds } of judged) {
      if (failureRatio < threshold) return;
      const evidence = { failureRatio, threshold, calls, hosts: judged.length };
      this.eject(endpoint, evidence, grounds);
    }
  }
}
