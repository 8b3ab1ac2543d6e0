import { boolean, described, fields, invalidOption, isRecord, number, type Reader } from '../runtime/options.js';
import { type ConnectFailuresOptions, connectFailures, readConnectFailures } from './connect-failures.js';
import {
  type ConsecutiveFailuresOptions,
  consecutiveFailures,
  readConsecutiveFailures,
} from './consecutive-failures.js';
import { type EjectionTimes, ejectionTimes } from './ejection-times.js';
import { type FailurePercentageOptions, failurePercentage, readFailurePercentage } from './failure-percentage.js';
import type { HealthSignal } from './health.js';
import { type LatencyOutliersOptions, latencyOutliers, readLatencyOutliers } from './latency-outliers.js';
import { readSuccessRate, type SuccessRateOptions, successRate } from './success-rate.js';

/** A signal's own options, `true` for its defaults, `false` to leave it out. */
type Choice<Options> = boolean | Options;

export interface OutlierDetectionOptions extends Partial<EjectionTimes> {
  /**
   * The interval of the signals that judge on one; milliseconds. Default 10,000; 100 to 3,600,000.
   */
  readonly intervalMs?: number;
  /** Default true. */
  readonly consecutiveFailures?: Choice<ConsecutiveFailuresOptions>;
  /** Default true. */
  readonly connectFailures?: Choice<ConnectFailuresOptions>;
  /** Default true. */
  readonly successRate?: Choice<SuccessRateOptions>;
  /** Default false: Envoy does not enforce it by default. */
  readonly failurePercentage?: Choice<FailurePercentageOptions>;
  /** Default false: it makes the service measure latency. */
  readonly latency?: Choice<LatencyOutliersOptions>;
}

export const readOutlierDetection: Reader<Required<OutlierDetectionOptions>> = fields<
  Required<OutlierDetectionOptions>
>({
  intervalMs: number(10_000, 100, 3_600_000),
  ...ejectionTimes,
  consecutiveFailures: choice(true, readConsecutiveFailures),
  connectFailures: choice(true, readConnectFailures),
  successRate: choice(true, readSuccessRate),
  failurePercentage: choice(false, readFailurePercentage),
  latency: choice(false, readLatencyOutliers),
});

/**
 * The health signals of a service in one go: `health: outlierDetection({ failurePercentage: true
 * })`. Ejection times and the interval given here hold for every signal that does not set its own.
 */
export function outlierDetection(options?: OutlierDetectionOptions): readonly HealthSignal[] {
  const given = (options ?? {}) as OutlierDetectionOptions & Record<string, unknown>;
  const read = readOutlierDetection(options, 'outlierDetection');
  const { intervalMs } = read;
  // Only what was given is handed on, so that each signal's own defaults hold otherwise.
  const times = Object.fromEntries(
    Object.keys(ejectionTimes).flatMap((key) => (given[key] === undefined ? [] : [[key, given[key]]])),
  ) as Partial<EjectionTimes>;
  const signals: HealthSignal[] = [];
  const add = <Options>(
    chosen: Choice<Options>,
    make: (options: Options) => HealthSignal,
    shared: Partial<Options>,
  ): void => {
    if (chosen === false) return;
    signals.push(make({ ...shared, ...(chosen === true ? {} : chosen) } as Options));
  };
  add(read.consecutiveFailures, consecutiveFailures, times);
  add(read.connectFailures, connectFailures, times);
  add(read.successRate, successRate, { ...times, intervalMs });
  add(read.failurePercentage, failurePercentage, { ...times, intervalMs });
  add(read.latency, latencyOutliers, { ...times, intervalMs });
  return signals;
}

function choice<Options>(fallback: boolean, options: Reader<unknown>): Reader<Choice<Options>> {
  return described({ shape: { type: 'choice', of: [boolean(fallback), options] }, fallback }, (value, name) => {
    if (value === undefined) return fallback;
    if (typeof value === 'boolean') return value;
    // What is in it is read by the signal.
    if (isRecord(value)) return value as Options;
    throw invalidOption(name, value, 'true, false or the options of the signal');
  });
}
