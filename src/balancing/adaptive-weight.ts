import type { Endpoint, Rotation } from '../endpoint/endpoint.js';
import { fields, invalidOption, number, onOff } from '../runtime/options.js';
import { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { EndpointSlots } from './endpoint-slots.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import type { Oddities } from './oddities.js';
import type { Description, Picker, PickRequest, Policy, Preview } from './policy.js';
import { WeightedSampler } from './weighted-sampler.js';

export interface AdaptiveWeightOptions {
  /** How often weights are recomputed, milliseconds. Default 1,000; 10 to 3,600,000. */
  readonly updateMs?: number;
  /** Time constant of the mean response times, milliseconds. Default 10,000; 1 to 3,600,000. */
  readonly decayMs?: number;
  /**
   * An endpoint's weight becomes at most this many times its base weight, and at least one such
   * part. Default 8; 1 to 1,000.
   */
  readonly maxRatio?: number;
  /**
   * The classic fixed rule in place of the relative one: a mean of up to `fastMs` doubles the base
   * weight, up to `slowMs` keeps it, above halves it, and it is never below 1. `true` for 100 and
   * 200 ms. Default off.
   */
  readonly thresholds?: boolean | { readonly fastMs?: number; readonly slowMs?: number };
}

interface Thresholds {
  /** A mean response time up to this doubles the weight; milliseconds. */
  readonly fastMs: number;
  /** One above this halves it; milliseconds. */
  readonly slowMs: number;
}

interface Settings {
  readonly updateMs: number;
  readonly decayMs: number;
  readonly maxRatio: number;
  readonly thresholds: Thresholds | undefined;
}

const thresholds = fields<Thresholds>(
  { fastMs: number(100, 0, 3_600_000), slowMs: number(200, 0, 3_600_000) },
  (read, name) => {
    if (read.fastMs <= read.slowMs) return read;
    throw invalidOption(`${name}.fastMs`, read.fastMs, `at most slowMs, ${read.slowMs}`);
  },
  '`fastMs` is at most `slowMs`',
);

const readAdaptiveWeight = fields<Settings>({
  updateMs: number(1_000, 10, 3_600_000),
  decayMs: number(10_000, 1, 3_600_000),
  maxRatio: number(8, 1, 1_000),
  thresholds: onOff(thresholds, false),
});

/**
 * One at random, by weights that follow the measured response times: an endpoint twice as fast as
 * the service's (geometric) mean gets twice its base weight. The weight that discovery reported is
 * kept and multiplied; the factor is smoothed, bounded by `maxRatio` and never 0, so that a slow
 * endpoint keeps being measured and comes back when it recovers. Failed calls do not count as fast
 * ones: the factor falls with the share of them.
 *
 * It moves whole shares of traffic slowly and steadily, which suits endpoints of lastingly
 * different strength. It does not see load between two updates: where endpoints stall for seconds,
 * `peak_ewma` reacts within one call.
 *
 * Cost: O(1) per pick, an exponential per answer, O(n) every `updateMs`, and the clock.
 */
export const adaptiveWeight: PolicyFactory<AdaptiveWeightOptions> = definePolicy(
  'adaptive_weight',
  (options): Policy => {
    const read = readAdaptiveWeight(options, 'adaptive_weight');
    return {
      name: 'adaptive_weight',
      needsLatency: true,
      decayMs: read.decayMs,
      create: ({ random, oddities }) => new AdaptiveWeightPicker(random, read, oddities),
    };
  },
  readAdaptiveWeight,
);

class AdaptiveWeightPicker implements Picker {
  readonly #options: Settings;
  readonly #sampler: WeightedSampler;
  /**
   * Over all members, so that what was learnt about an endpoint is still there when it returns from
   * an ejection.
   */
  readonly #members = new EndpointSlots();
  /** Mean response time by member, NaN before the first answer. */
  #meansMs: Float64Array = new Float64Array(0);
  #measuredAtMs: Float64Array = new Float64Array(0);
  #factors: Float64Array = new Float64Array(0);
  #ready: readonly Endpoint[] = [];
  /** Slot among the members, and weight, of each ready endpoint. */
  #slots: Int32Array = new Int32Array(0);
  #weights: Float64Array = new Float64Array(0);
  /** When weights are computed next: in an array, as doubles in fields of their own are boxed. */
  readonly #next = new Float64Array([Number.NEGATIVE_INFINITY]);

  constructor(random: Random, options: Settings, oddities: Oddities | undefined) {
    this.#options = options;
    this.#sampler = new WeightedSampler(random, oddities);
  }

  update({ ready, members }: Rotation): void {
    const before = members.map((endpoint) => this.#members.of(endpoint));
    const keep = (old: Float64Array, initial: number): Float64Array =>
      Float64Array.from(before, (slot) => (slot === -1 ? initial : old[slot]!));
    this.#meansMs = keep(this.#meansMs, Number.NaN);
    this.#measuredAtMs = keep(this.#measuredAtMs, Number.NaN);
    this.#factors = keep(this.#factors, 1);
    this.#members.update(members);
    this.#ready = ready;
    this.#slots = Int32Array.from(ready, (endpoint) => this.#members.of(endpoint));
    this.#weights = new Float64Array(ready.length);
    this.#weigh();
    this.#sampler.update(ready, this.#weights);
  }

  pick(request: PickRequest): Endpoint {
    return this.#sampler.drawUntried(request.tried);
  }

  /** `effective` is the weight that it is drawn by; `meanMs` is NaN before its first answer. */
  describe(endpoint: Endpoint): Description {
    const slot = this.#members.of(endpoint);
    const effective = this.#weights[this.#ready.indexOf(endpoint)]!;
    return {
      parts: { weight: endpoint.weight, meanMs: this.#meansMs[slot]!, factor: this.#factors[slot]!, effective },
    };
  }

  preview({ tried }: PickRequest, random: Random): Preview {
    const endpoint = this.#sampler.over(random).drawUntried(tried);
    return { endpoint, drew: [endpoint] };
  }

  observe(endpoint: Endpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    const slot = this.#members.of(endpoint);
    // How fast a failure came says nothing about how fast an answer would have come; a timeout
    // does.
    if (
      slot !== -1 &&
      (outcome === Outcome.Success || outcome === Outcome.ApplicationError || outcome === Outcome.Timeout)
    ) {
      const keep = Math.exp((this.#measuredAtMs[slot]! - nowMs) / this.#options.decayMs);
      const mean = this.#meansMs[slot]!;
      this.#meansMs[slot] = Number.isNaN(mean) ? latencyMs : mean * keep + latencyMs * (1 - keep);
      this.#measuredAtMs[slot] = nowMs;
    }
    if (nowMs < this.#next[0]!) return;
    this.#next[0] = nowMs + this.#options.updateMs;
    if (this.#options.thresholds === undefined) this.#followMean();
    else this.#followThresholds(this.#options.thresholds);
    this.#weigh();
    this.#sampler.reweigh(this.#weights);
  }

  /** Relative to the geometric mean, which a single slow endpoint does not move much. */
  #followMean(): void {
    const meansMs = this.#meansMs;
    let logs = 0;
    let measured = 0;
    for (let i = 0; i < this.#slots.length; i++) {
      const mean = meansMs[this.#slots[i]!]!;
      if (!(mean > 0)) continue;
      logs += Math.log(mean);
      measured++;
    }
    const typicalMs = measured === 0 ? Number.NaN : Math.exp(logs / measured);
    const { maxRatio } = this.#options;
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i]!;
      const mean = meansMs[slot]!;
      const relative = mean > 0 ? typicalMs / mean : 1;
      const target = Math.min(Math.max(relative * (1 - this.#ready[i]!.failureRatio), 1 / maxRatio), maxRatio);
      this.#factors[slot] = this.#factors[slot]! + SMOOTHING * (target - this.#factors[slot]!);
    }
  }

  #followThresholds({ fastMs, slowMs }: Thresholds): void {
    for (let i = 0; i < this.#slots.length; i++) {
      const mean = this.#meansMs[this.#slots[i]!]!;
      this.#factors[this.#slots[i]!] = Number.isNaN(mean) ? 1 : mean <= fastMs ? 2 : mean <= slowMs ? 1 : 0.5;
    }
  }

  #weigh(): void {
    const classic = this.#options.thresholds !== undefined;
    for (let i = 0; i < this.#slots.length; i++) {
      const endpoint = this.#ready[i]!;
      const factor = this.#factors[this.#slots[i]!]!;
      // The rule's floor of 1 is for the base weight; slow start is applied to what comes out.
      this.#weights[i] = classic
        ? (Math.max(1, endpoint.spec.weight * factor) * endpoint.weight) / endpoint.spec.weight
        : endpoint.weight * factor;
    }
  }
}

/** A factor goes this part of the way in each update: nine tenths of it within seven. */
const SMOOTHING = 0.3;
