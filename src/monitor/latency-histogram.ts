import type { Durations } from '../runtime/durations.js';
import { Outcome, type OutcomeName, outcomeName } from '../runtime/outcome.js';
import type { ServiceMeter } from '../telemetry/service-meter.js';

/** How long the calls of a service took that ended in one way, since they are counted. */
export class LatencyHistogram {
  readonly outcome: OutcomeName;
  readonly #durations: Durations;

  constructor(outcome: OutcomeName, durations: Durations) {
    this.outcome = outcome;
    this.#durations = durations;
  }

  /** Those of the outcomes that there were. */
  static of(meter: ServiceMeter): readonly LatencyHistogram[] {
    return Object.values(Outcome).flatMap((outcome) => {
      const durations = meter.latency(outcome);
      return durations === undefined ? [] : [new LatencyHistogram(outcomeName(outcome), durations)];
    });
  }

  get sumMs(): number {
    return this.#durations.sumMs;
  }

  /**
   * How many took no longer than each of these boundaries, which rise; the last is how many there
   * were. A duration counts by the upper end of its bucket, so as up to a sixteenth longer.
   */
  upTo(boundariesMs: readonly number[]): number[] {
    return this.#durations.upTo(boundariesMs);
  }
}
