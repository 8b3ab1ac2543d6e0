import { LatencyPercentile } from '../../resilience/latency-percentile.js';
import type { Clock } from '../../runtime/clock.js';
import type { ArmPart } from '../split/arm-part.js';

const PERCENTILE = 95;
/** Enough for a p95 of five samples above it. */
const MIN_SAMPLES = 100;
/** Long enough to be calm, short enough to follow the day; milliseconds. */
const WINDOW_MS = 600_000;

/**
 * What a slow call is: one above the baseline's p95, which is read when a step begins, or as soon
 * as there are enough answers, and holds for the step.
 */
export class BaselineLatency {
  readonly #clock: Clock;
  readonly #percentile = new LatencyPercentile(PERCENTILE, WINDOW_MS, MIN_SAMPLES);
  #baseline: ArmPart | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Learns from this arm. */
  follow(baseline: ArmPart): void {
    if (this.#baseline === baseline) return;
    this.stop();
    this.#baseline = baseline;
    baseline.counts.onLatency = (latencyMs) => this.#percentile.record(latencyMs, this.#clock.now());
  }

  /** Milliseconds; NaN while there are too few answers. */
  get slowAboveMs(): number {
    return this.#percentile.valueMs(this.#clock.now()) ?? Number.NaN;
  }

  stop(): void {
    if (this.#baseline !== undefined) this.#baseline.counts.onLatency = undefined;
    this.#baseline = undefined;
  }
}
