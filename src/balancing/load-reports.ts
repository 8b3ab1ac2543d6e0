import type { Endpoint } from '../endpoint/endpoint.js';
import { boolean, number, type Reader, readOptions } from '../runtime/options.js';

/** How loaded an endpoint says it is: the fields of an ORCA report (gRFC A51) that balancing goes by. */
export interface LoadReport {
  /** Requests a second that it serves. */
  readonly requestsPerSecond: number;
  /** Of these, how many end in an error. */
  readonly errorsPerSecond: number;
  /** Share of its capacity in use; 1 is full, more is possible. */
  readonly utilization: number;
}

export interface LoadReportOptions {
  /** A newly reporting endpoint is left at the mean until it has reported for so long; milliseconds. Default 10,000. */
  readonly blackoutMs?: number;
  /** A report older than this is no longer believed; milliseconds. Default 180,000. */
  readonly expirationMs?: number;
  /** How often weights are worked out anew; milliseconds. Default 1,000; 100 to 3,600,000. */
  readonly updateMs?: number;
  /** How much errors count against an endpoint. Default 1; 0 not at all. */
  readonly errorPenalty?: number;
}

const DAY_MS = 86_400_000;

/** `true` for the defaults, an object for others; undefined or `false` for none. */
export const loadReportOptions: Reader<Required<LoadReportOptions> | undefined> = (value, name) => {
  if (value === undefined || typeof value === 'boolean') {
    if (!boolean(false)(value, name)) return undefined;
    value = {};
  }
  return readOptions<Required<LoadReportOptions>>(name, value, {
    blackoutMs: number(10_000, 0, DAY_MS),
    expirationMs: number(180_000, 1, DAY_MS),
    updateMs: number(1_000, 100, 3_600_000),
    errorPenalty: number(1, 0, 1_000),
  });
};

interface Reported {
  report: LoadReport;
  atMs: number;
  /** Since when there have been reports without a gap. */
  sinceMs: number;
}

const reports = new WeakMap<Endpoint, Reported>();

/**
 * An endpoint told how loaded it is. For adapters; `nowMs` is the mesh's clock. Reports that say nothing (no utilization or
 * no requests) are passed over. Used by `weighted_round_robin` with `loadReports`.
 */
export function reportLoad(endpoint: Endpoint, report: LoadReport, nowMs: number): void {
  if (!(report.utilization > 0) || !(report.requestsPerSecond > 0) || !(report.errorsPerSecond >= 0)) return;
  const known = reports.get(endpoint);
  if (known === undefined) {
    reports.set(endpoint, { report, atMs: nowMs, sinceMs: nowMs });
  } else {
    known.report = report;
    known.atMs = nowMs;
    if (Number.isNaN(known.sinceMs)) known.sinceMs = nowMs;
  }
}

/**
 * The weight that follows from what an endpoint reported, by gRFC A58; NaN where there is no report that may be used: none,
 * an old one, or one of an endpoint that only just began to report.
 */
export function reportedWeight(endpoint: Endpoint, options: Required<LoadReportOptions>, nowMs: number): number {
  const known = reports.get(endpoint);
  if (known === undefined) return Number.NaN;
  if (nowMs - known.atMs >= options.expirationMs) {
    known.sinceMs = Number.NaN;
    return Number.NaN;
  }
  if (nowMs - known.sinceMs < options.blackoutMs) return Number.NaN;
  const { requestsPerSecond, errorsPerSecond, utilization } = known.report;
  return requestsPerSecond / (utilization + (errorsPerSecond / requestsPerSecond) * options.errorPenalty);
}

/** Weights are scaled to this at most, so that schedules of any unit of load are equally fine. */
const LARGEST = 100;

/**
 * The weights to schedule by: as reported, the mean of these for endpoints without a report, and the configured weights
 * where fewer than two have one. An endpoint that is warming up has its share reduced in either case.
 */
export function weightsByLoad(
  endpoints: readonly Endpoint[],
  options: Required<LoadReportOptions>,
  nowMs: number,
): readonly number[] {
  const reported = endpoints.map((endpoint) => reportedWeight(endpoint, options, nowMs));
  const usable = reported.filter((weight) => weight > 0);
  if (usable.length < 2) return endpoints.map((endpoint) => endpoint.weight);
  const mean = usable.reduce((sum, weight) => sum + weight, 0) / usable.length;
  const weights = endpoints.map((endpoint, i) => {
    const weight = reported[i]! > 0 ? reported[i]! : mean;
    return weight * (endpoint.weight / endpoint.spec.weight);
  });
  const scale = LARGEST / Math.max(...weights);
  return weights.map((weight) => weight * scale);
}
