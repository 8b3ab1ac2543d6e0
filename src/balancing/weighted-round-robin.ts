import type { Endpoint, Rotation } from '../endpoint/endpoint.js';
import { fields } from '../runtime/options.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import { type LoadReportOptions, loadReportOptions, weigh, weightsToScheduleBy } from './load-reports.js';
import type { Description, Picker, PickRequest, Policy, PolicyContext, Preview } from './policy.js';
import { dueSchedule } from './schedule/grouped.js';
import type { Schedule } from './schedule/schedule.js';
import { smoothSchedule } from './schedule/smooth.js';

export interface WeightedRoundRobinOptions {
  /**
   * Weigh endpoints by what they report of their load (gRFC A58, ORCA) instead of by configuration;
   * one that does not report gets the mean. `true` for the defaults. Default false.
   */
  readonly loadReports?: boolean | LoadReportOptions;
}

const readWeightedRoundRobin = fields<{ loadReports: Required<LoadReportOptions> | undefined }>({
  loadReports: loadReportOptions,
});

/**
 * Each endpoint in turn, in proportion to its weight, spread out evenly: weights 5, 1, 1 give a a b
 * a c a a. Small sets follow nginx's smooth weighted round robin exactly, from a table of one whole
 * cycle; where the cycle would be too long to lay out (thousands of endpoints, weights without a
 * common divisor), earliest deadline first yields the same shares.
 *
 * Cost: O(1) from the table, O(log n) otherwise; with `loadReports` the clock, and O(n) each
 * `updateMs`. Blind to load without them.
 */
export const weightedRoundRobin: PolicyFactory<WeightedRoundRobinOptions> = definePolicy(
  'weighted_round_robin',
  (options): Policy => {
    const { loadReports } = readWeightedRoundRobin(options, 'weighted_round_robin');
    return {
      name: 'weighted_round_robin',
      needsLatency: loadReports !== undefined,
      create: (context) =>
        loadReports === undefined
          ? new WeightedRoundRobinPicker(context.random)
          : new ReportedRoundRobinPicker(context, loadReports),
    };
  },
  readWeightedRoundRobin,
);

class WeightedRoundRobinPicker implements Picker {
  readonly #random: Random;
  #ready: readonly Endpoint[] = [];
  #schedule: Schedule | undefined;
  #weights: readonly number[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  update(rotation: Rotation): void {
    this.schedule(
      rotation.ready,
      rotation.ready.map((endpoint) => endpoint.weight),
    );
  }

  protected schedule(ready: readonly Endpoint[], weights: readonly number[]): void {
    const position = this.#schedule?.position ?? 0;
    this.#ready = ready;
    this.#weights = weights;
    this.#schedule = smoothSchedule(weights, position) ?? dueSchedule(weights, this.#random);
  }

  pick(request: PickRequest): Endpoint {
    const schedule = this.#schedule!;
    const ready = this.#ready;
    const endpoint = ready[schedule.next()]!;
    const { tried } = request;
    if (tried === undefined || !tried.includes(endpoint)) return endpoint;
    for (let turn = 1; turn < MAX_SKIPS; turn++) {
      const other = ready[schedule.next()]!;
      if (!tried.includes(other)) return other;
    }
    for (const other of ready) if (!tried.includes(other)) return other;
    return endpoint;
  }

  /** `scheduled` is the weight that turns go by: as reported, with `loadReports`. */
  describe(endpoint: Endpoint): Description {
    return { parts: { weight: endpoint.weight, scheduled: this.#weights[this.#ready.indexOf(endpoint)]! } };
  }

  preview(request: PickRequest, random: Random): Preview {
    const twin = new WeightedRoundRobinPicker(random);
    twin.#ready = this.#ready;
    twin.#schedule = this.#schedule?.copy();
    const endpoint = twin.pick(request);
    return { endpoint, drew: [endpoint] };
  }
}

/**
 * A retry skips at most this many turns of endpoints already tried before it looks through the
 * list.
 */
const MAX_SKIPS = 16;

/** The same, by weights that are recomputed every so often. */
class ReportedRoundRobinPicker extends WeightedRoundRobinPicker {
  readonly #options: Required<LoadReportOptions>;
  readonly #weighed: PolicyContext['weighed'];
  #endpoints: readonly Endpoint[] = [];
  #weights: readonly number[] = [];
  #nowMs: number;
  #dueMs: number;

  constructor({ random, clock, weighed }: PolicyContext, options: Required<LoadReportOptions>) {
    super(random);
    this.#options = options;
    this.#weighed = weighed;
    this.#nowMs = clock.now();
    this.#dueMs = this.#nowMs + options.updateMs;
  }

  override update(rotation: Rotation): void {
    this.#endpoints = rotation.ready;
    this.#weights = [];
    this.#reschedule();
  }

  observe(_endpoint: Endpoint, _outcome: Outcome, _latencyMs: number, nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    this.#nowMs = nowMs;
    this.#dueMs = nowMs + this.#options.updateMs;
    if (this.#endpoints.length > 0) this.#reschedule();
  }

  #reschedule(): void {
    const weighing = weigh(this.#endpoints, this.#options, this.#nowMs);
    this.#weighed?.(weighing);
    const weights = weightsToScheduleBy(this.#endpoints, weighing);
    // The turn goes on as it was while nothing new was learnt.
    const same = weights.length === this.#weights.length && weights.every((weight, i) => weight === this.#weights[i]);
    this.#weights = weights;
    if (!same) this.schedule(this.#endpoints, weights);
  }
}
