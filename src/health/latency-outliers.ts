import type { Endpoint } from '../endpoint/endpoint.js';
import { integer, number, readOptions } from '../runtime/options.js';
import { Outcome } from '../runtime/outcome.js';
import { type EjectionTimes, ejectionTimes } from './ejection-times.js';
import type { HealthContext, HealthSignal, HealthTracker } from './health.js';
import { IntervalWindow, type Tally } from './interval-window.js';

export interface LatencyOutliersOptions extends Partial<EjectionTimes> {
  /** How often endpoints are judged, by the calls since the last time; milliseconds. Default 10,000; 100 to 3,600,000. */
  readonly intervalMs?: number;
  /** An endpoint is slow whose mean response time is more than this many times the others' median. Default 3; 1 to 1,000. */
  readonly factor?: number;
  /** And by at least so much above it; milliseconds. Default 50; 0 to 3,600,000. */
  readonly minExcessMs?: number;
  /** With fewer answers within the interval an endpoint is not judged. Default 20; 1 to 1,000,000. */
  readonly requestVolume?: number;
  /** It must be slow in so many intervals in a row. Default 2; 1 to 1,000. */
  readonly intervals?: number;
  /** The share of verdicts that is carried out. Default 1; 0 to 1. */
  readonly enforcementRatio?: number;
}

type ReadOptions = Required<LatencyOutliersOptions>;

/**
 * Ejects endpoints that answer, but far more slowly than the others: the median of the others' means is what an ordinary
 * server needs, and one outlier, or nearly half of them, cannot move it. Makes the service measure latency.
 *
 * Where calls differ a lot from endpoint to endpoint by nature (shards, large and small machines), do not use it;
 * `peak_ewma` sends a slow server fewer calls without putting it out.
 */
export function latencyOutliers(options?: LatencyOutliersOptions): HealthSignal {
  const read = readOptions<ReadOptions>('latency_outliers', options, {
    intervalMs: number(10_000, 100, 3_600_000),
    factor: number(3, 1, 1_000),
    minExcessMs: number(50, 0, 3_600_000),
    requestVolume: integer(20, 1, 1_000_000),
    intervals: integer(2, 1, 1_000),
    enforcementRatio: number(1, 0, 1),
    ...ejectionTimes,
  });
  const { enforcementRatio } = read;
  const create = (context: HealthContext): HealthTracker => new LatencyOutliers(read, context);
  return { name: 'latency_outliers', needsLatency: true, enforcementRatio, create };
}

class LatencyOutliers implements HealthTracker {
  readonly #options: ReadOptions;
  readonly #context: HealthContext;
  readonly #window: IntervalWindow;
  /** Slow intervals in a row. An endpoint of ordinary speed has none. */
  readonly #slow = new Map<Endpoint, number>();

  constructor(options: ReadOptions, context: HealthContext) {
    this.#options = options;
    this.#context = context;
    this.#window = new IntervalWindow(context.clock, options.intervalMs, (tallies) => this.#judge(tallies));
  }

  record(endpoint: Endpoint, outcome: Outcome, latencyMs: number): number {
    // A server that asks for less answers without working: that is no response time.
    if (outcome !== Outcome.Overloaded) this.#window.record(endpoint, outcome, latencyMs);
    return 0;
  }

  probed(endpoint: Endpoint, ok: boolean): number {
    return ok ? 0 : this.#context.nextEjectionMs(endpoint, this.#options);
  }

  confirmed(endpoint: Endpoint): void {
    this.forget(endpoint);
  }

  forget(endpoint: Endpoint): void {
    this.#window.forget(endpoint);
    this.#slow.delete(endpoint);
  }

  close(): void {
    this.#window.close();
    this.#slow.clear();
  }

  #judge(tallies: readonly Tally[]): void {
    const { requestVolume, factor, minExcessMs, intervals } = this.#options;
    const judged = tallies
      .filter(({ latencies }) => latencies >= requestVolume)
      .map(({ endpoint, latencySumMs, latencies }) => ({ endpoint, latencies, meanMs: latencySumMs / latencies }))
      // The worst first, as not all may go.
      .sort((a, b) => b.meanMs - a.meanMs);
    // A row that traffic interrupted is none.
    const before = new Map(this.#slow);
    this.#slow.clear();
    for (const [index, { endpoint, meanMs, latencies }] of judged.entries()) {
      const medianMs = medianOfOthers(judged, index);
      if (!(meanMs > medianMs * factor && meanMs >= medianMs + minExcessMs)) continue;
      const slowIntervals = (before.get(endpoint) ?? 0) + 1;
      this.#slow.set(endpoint, slowIntervals);
      if (slowIntervals < intervals) continue;
      const evidence = { meanMs, medianMs, factor, calls: latencies, intervals: slowIntervals };
      this.#context.eject(endpoint, this.#context.nextEjectionMs(endpoint, this.#options), evidence);
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
