import { longestOf } from '../runtime/latency-counts.js';
import { Outcome, type OutcomeName, outcomeName } from '../runtime/outcome.js';
import type { OutcomeLatency, ServiceMeter } from '../telemetry/service-meter.js';

const MICROS_PER_MS = 1_000;

/** How long the calls of a service took that ended in one way, since they are counted. */
export class LatencyHistogram {
  readonly outcome: OutcomeName;
  readonly #latency: OutcomeLatency;

  constructor(outcome: OutcomeName, latency: OutcomeLatency) {
    this.outcome = outcome;
    this.#latency = latency;
  }

  /** Those of the outcomes that there were. */
  static of(meter: ServiceMeter): readonly LatencyHistogram[] {
    return Object.values(Outcome).flatMap((outcome) => {
      const latency = meter.latency(outcome);
      return latency === undefined ? [] : [new LatencyHistogram(outcomeName(outcome), latency)];
    });
  }

  get sumMs(): number {
    return this.#latency.sum[0]! / MICROS_PER_MS;
  }

  /**
   * How many took no longer than each of these boundaries, which rise; the last is how many there
   * were. A duration counts by the upper end of its bucket, so as up to a sixteenth longer.
   */
  upTo(boundariesMs: readonly number[]): number[] {
    return upTo(this.#latency.counts, boundariesMs);
  }
}

/** As `LatencyHistogram.upTo`, of counts by bucket. */
export function upTo(counts: ArrayLike<number>, boundariesMs: readonly number[]): number[] {
  let bucket = 0;
  let sum = 0;
  const sums = boundariesMs.map((boundary) => {
    const micros = boundary * MICROS_PER_MS;
    while (bucket < counts.length && longestOf(bucket) <= micros) sum += counts[bucket++]!;
    return sum;
  });
  while (bucket < counts.length) sum += counts[bucket++]!;
  return [...sums, sum];
}
