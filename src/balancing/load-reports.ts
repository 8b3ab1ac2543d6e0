import type { Endpoint } from '../endpoint/endpoint.js';
import { fields, number, onOff, type Reader } from '../runtime/options.js';
import type { Weighing } from './policy.js';

/**
 * How loaded an endpoint says it is: the fields of an ORCA report (gRFC A51) that balancing goes
 * by.
 */
export interface LoadReport {
  /** Requests a second that it serves. */
  readonly requestsPerSecond: number;
  /** Of these, how many end in an error. */
  readonly errorsPerSecond: number;
  /** Share of its capacity in use; 1 is full, more is possible. */
  readonly utilization: number;
}

export interface LoadReportOptions {
  /**
   * A newly reporting endpoint is left at the mean until it has reported for this long;
   * milliseconds. Default 10,000; 0 to 86,400,000.
   */
  readonly blackoutMs?: number;
  /**
   * A report older than this is no longer believed; milliseconds. Default 180,000; 1 to 86,400,000.
   */
  readonly expirationMs?: number;
  /** How often weights are recomputed; milliseconds. Default 1,000; 100 to 3,600,000. */
  readonly updateMs?: number;
  /** How much errors count against an endpoint. Default 1; 0 (not at all) to 1,000. */
  readonly errorPenalty?: number;
}

const DAY_MS = 86_400_000;

/** `true` for the defaults, an object for others; undefined or `false` for none. */
export const loadReportOptions: Reader<Required<LoadReportOptions> | undefined> = onOff(
  fields<Required<LoadReportOptions>>({
    blackoutMs: number(10_000, 0, DAY_MS),
    expirationMs: number(180_000, 1, DAY_MS),
    updateMs: number(1_000, 100, 3_600_000),
    errorPenalty: number(1, 0, 1_000),
  }),
  false,
);

interface Reported {
  report: LoadReport;
  atMs: number;
  /**
   * Since when there have been reports without a gap; infinity where that is to begin with the next
   * one.
   */
  sinceMs: number;
}

const reports = new WeakMap<Endpoint, Reported>();

/**
 * An endpoint reported how loaded it is. For adapters; `nowMs` is the mesh's clock. Reports that
 * say nothing (no utilization or no requests) or nonsense are passed over. Used by
 * `weighted_round_robin` with `loadReports`.
 */
export function reportLoad(endpoint: Endpoint, report: LoadReport, nowMs: number): void {
  const { utilization, requestsPerSecond, errorsPerSecond } = report;
  if (!(utilization > 0) || !(requestsPerSecond > 0) || !(errorsPerSecond >= 0)) return;
  // An endpoint that claims to do infinitely much would make every weight NaN.
  if (!Number.isFinite(utilization + requestsPerSecond + errorsPerSecond)) return;
  const known = reports.get(endpoint);
  if (known === undefined) {
    reports.set(endpoint, { report, atMs: nowMs, sinceMs: nowMs });
  } else {
    known.report = report;
    known.atMs = nowMs;
    if (known.sinceMs === Number.POSITIVE_INFINITY) known.sinceMs = nowMs;
  }
}

/**
 * The endpoint was lost and is connected again, perhaps restarted: what it reports of its first
 * moments is not to be used before the blackout is over. For adapters.
 */
export function restartLoadReports(endpoint: Endpoint): void {
  const known = reports.get(endpoint);
  if (known !== undefined) known.sinceMs = Number.POSITIVE_INFINITY;
}

/** The weight that follows from what each endpoint reported, by gRFC A58. */
export function weigh(endpoints: readonly Endpoint[], options: Required<LoadReportOptions>, nowMs: number): Weighing {
  let [usable, notYetUsable, stale] = [0, 0, 0];
  const weights = endpoints.map((endpoint) => {
    const known = reports.get(endpoint);
    if (known === undefined) {
      notYetUsable++;
      return 0;
    }
    if (nowMs - known.atMs >= options.expirationMs) {
      known.sinceMs = Number.POSITIVE_INFINITY;
      stale++;
      return 0;
    }
    if (options.blackoutMs > 0 && nowMs - known.sinceMs < options.blackoutMs) {
      notYetUsable++;
      return 0;
    }
    usable++;
    const { requestsPerSecond, errorsPerSecond, utilization } = known.report;
    const loss = (errorsPerSecond / requestsPerSecond) * options.errorPenalty;
    return Math.min(requestsPerSecond / (utilization + loss), Number.MAX_VALUE);
  });
  return { weights, notYetUsable, stale, fallback: usable < 2 };
}

/** Weights are scaled to this at most, so that schedules of any unit of load are equally fine. */
const LARGEST = 100;

/**
 * No weight is more than this many times the mean, nor less than this part of it: a report that is
 * off by orders of magnitude (of a process that has just begun to measure, say) must not draw all
 * calls, nor take an endpoint out for ever. The bounds are those of gRPC's own scheduler,
 * static_stride_scheduler.cc.
 */
const MAX_RATIO = 10;
const MIN_RATIO = 0.01;

/**
 * The weights to schedule by: as reported, the mean of these for endpoints without a report, and
 * the configured weights where fewer than two have one. An endpoint that is warming up has its
 * share reduced in either case.
 */
export function weightsToScheduleBy(
  endpoints: readonly Endpoint[],
  { weights, fallback }: Weighing,
): readonly number[] {
  if (fallback) return endpoints.map((endpoint) => endpoint.weight);
  const usable = weights.filter((weight) => weight > 0);
  const mean = usable.reduce((sum, weight) => sum + weight / usable.length, 0);
  const shares = endpoints.map((endpoint, i) => {
    const weight = weights[i]! > 0 ? Math.min(Math.max(weights[i]!, mean * MIN_RATIO), mean * MAX_RATIO) : mean;
    return weight * (endpoint.weight / endpoint.spec.weight);
  });
  const scale = LARGEST / Math.max(...shares);
  return shares.map((weight) => weight * scale);
}
