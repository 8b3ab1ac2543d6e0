import type { Endpoint } from '../endpoint/endpoint.js';
import { fields, integer, number, type Reader } from '../runtime/options.js';
import { Outcome } from '../runtime/outcome.js';
import { type EjectionTimes, ejectionTimes } from './ejection-times.js';
import type { HealthSignal } from './health.js';
import { IntervalTracker } from './interval-tracker.js';
import type { Tally } from './interval-window.js';
import { direct } from './signal-context.js';

export interface LatencyOutliersOptions extends Partial<EjectionTimes> {
  /**
   * How often endpoints are judged, by the calls since the last time; milliseconds. Default 10,000;
   * 100 to 3,600,000.
   */
  readonly intervalMs?: number;
  /**
   * An endpoint is slow whose mean response time is more than this many times the others' median.
   * Default 3; 1 to 1,000.
   */
  readonly factor?: number;
  /** And at least this much above it; milliseconds. Default 50; 0 to 3,600,000. */
  readonly minExcessMs?: number;
  /**
   * With fewer answers within the interval an endpoint is not judged. Default 20; 1 to 1,000,000.
   */
  readonly requestVolume?: number;
  /** It must be slow in this many intervals in a row. Default 2; 1 to 1,000. */
  readonly intervals?: number;
  /** The share of verdicts that is carried out. Default 1; 0 to 1. */
  readonly enforcementRatio?: number;
}

type Settings = Required<LatencyOutliersOptions>;

export const readLatencyOutliers: Reader<Settings> = fields<Settings>({
  intervalMs: number(10_000, 100, 3_600_000),
  factor: number(3, 1, 1_000),
  minExcessMs: number(50, 0, 3_600_000),
  requestVolume: integer(20, 1, 1_000_000),
  intervals: integer(2, 1, 1_000),
  enforcementRatio: number(1, 0, 1),
  ...ejectionTimes,
});

/**
 * Ejects endpoints that answer, but far more slowly than the others: the median of the others'
 * means is what an ordinary server needs, and one outlier, or nearly half of them, cannot move it.
 * Makes the service measure latency.
 *
 * Where calls differ a lot from endpoint to endpoint by nature (shards, large and small machines),
 * do not use it; `peak_ewma` sends a slow server fewer calls without putting it out.
 */
export function latencyOutliers(options?: LatencyOutliersOptions): HealthSignal {
  const read = readLatencyOutliers(options, 'latency_outliers');
  const { enforcementRatio } = read;
  return {
    name: 'latency_outliers',
    needsLatency: true,
    enforcementRatio,
    madeWith: read,
    create: direct((context) => new LatencyOutliers(read, context)),
  };
}

class LatencyOutliers extends IntervalTracker<Settings> {
  /** Slow intervals in a row. An endpoint of ordinary speed has none. */
  readonly #slow = new Map<Endpoint, number>();
  /** When the last interval ended. */
  #judgedAtMs = Number.NEGATIVE_INFINITY;

  override record(endpoint: Endpoint, outcome: Outcome, latencyMs: number): number {
    // A server that asks for less answers without working: that is not a response time.
    return outcome === Outcome.Overloaded ? 0 : super.record(endpoint, outcome, latencyMs);
  }

  override forget(endpoint: Endpoint): void {
    super.forget(endpoint);
    this.#slow.delete(endpoint);
  }

  protected override judge(tallies: readonly Tally[]): void {
    const { requestVolume, factor, minExcessMs, intervals, intervalMs } = this.options;
    const judged = tallies
      .filter(({ latencies }) => latencies >= requestVolume)
      .map(({ endpoint, latencySumMs, latencies, unanswered }) => ({
        endpoint,
        latencies,
        meanMs: latencySumMs / latencies,
        grounds: 2 * unanswered > latencies ? ('unreachable' as const) : ('answers' as const),
      }))
      // The worst first, as not all may go.
      .sort((a, b) => b.meanMs - a.meanMs);
    const nowMs = this.context.clock.now();
    // An interval without enough calls interrupts a row, and so does an interval without calls,
    // which judges nothing.
    const inARow = nowMs - this.#judgedAtMs < 2 * intervalMs;
    const before = new Map(inARow ? this.#slow : []);
    this.#judgedAtMs = nowMs;
    this.#slow.clear();
    for (const [index, { endpoint, meanMs, latencies, grounds }] of judged.entries()) {
      const medianMs = medianOfOthers(judged, index);
      if (!(meanMs > medianMs * factor && meanMs >= medianMs + minExcessMs)) continue;
      const slowIntervals = (before.get(endpoint) ?? 0) + 1;
      this.#slow.set(endpoint, slowIntervals);
      if (slowIntervals < intervals) continue;
      const evidence = { meanMs, medianMs, factor, calls: latencies, intervals: slowIntervals };
      this.eject(endpoint, evidence, grounds);
    }
  }
}

/** Of a list that falls; NaN without others, which no comparison satisfies. */
function medianOfOthers(judged: readonly { readonly meanMs: number }[], without: number): number {
  const at = (place: number): number => judged[place < without ? place : place + 1]!.meanMs;
  const count = judged.length - 1;
  if (count < 1) return Number.NaN;
  return count % 2 === 1 ? at((count - 1) / 2) : (at(count / 2 - 1) + at(count / 2)) / 2;
}
