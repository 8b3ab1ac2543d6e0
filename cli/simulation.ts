import type { SimulationReport } from '../src/testing/index.js';

/** What one policy made of the calls. */
export interface Measured {
  readonly policy: string;
  readonly p50Ms: number;
  /** Infinite where so many failed. */
  readonly p99Ms: number;
  readonly failedRatio: number;
  readonly calls: number;
  readonly ejections: number;
  /** The 99th percentile of each slice of the time, as `p99Ms`; NaN without calls. */
  readonly p99MsOverTime: readonly number[];
}

/** What is compared, of calls that began from `fromMs` until before `untilMs`. */
export interface Comparison {
  readonly title: string;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly measured: readonly Measured[];
}

/** Slices of the time: as many marks as beside a table are read at a glance. */
const SLICES = 24;

export function measuredOf(policy: string, report: SimulationReport, fromMs: number, untilMs: number): Measured {
  const sliceMs = (untilMs - fromMs) / SLICES;
  return {
    policy,
    p50Ms: report.percentileMs(0.5),
    p99Ms: report.percentileMs(0.99),
    failedRatio: report.failed / report.calls,
    calls: report.calls,
    ejections: report.ejections.length,
    p99MsOverTime: Array.from({ length: SLICES }, (_, i) =>
      report.between(fromMs + i * sliceMs, fromMs + (i + 1) * sliceMs).percentileMs(0.99),
    ),
  };
}
