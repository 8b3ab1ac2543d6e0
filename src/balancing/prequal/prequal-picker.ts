import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Clock } from '../../runtime/clock.js';
import type { Random } from '../../runtime/random.js';
import type { Picker, PickRequest, ProbeSource, Rotation } from '../policy.js';
import { WeightedSampler } from '../weighted-sampler.js';
import { ProbePool } from './probe-pool.js';

export interface PrequalSettings {
  readonly probesPerCall: number;
  readonly removalsPerCall: number;
  readonly poolSize: number;
  readonly maxAgeMs: number;
  readonly hotQuantile: number;
}

export interface PrequalContext {
  readonly random: Random;
  readonly clock: Clock;
  readonly probes: ProbeSource;
}

type Reply = (inflight: number, latencyMs: number) => void;

/** Sends the probes, keeps the pool, and picks from it. The pool says which answer is the best. */
export class PrequalPicker implements Picker {
  readonly #context: PrequalContext;
  readonly #settings: PrequalSettings;
  readonly #sampler: WeightedSampler;
  readonly #pool: ProbePool;
  /** What takes an endpoint's answers: made once per endpoint, so that a pick allocates nothing. */
  #replies: Map<Endpoint, Reply> = new Map();
  /** Probes and removals due, in fractions. */
  readonly #due = new Float64Array(2);
  #removeOldest = true;

  constructor(context: PrequalContext, settings: PrequalSettings) {
    this.#context = context;
    this.#settings = settings;
    this.#sampler = new WeightedSampler(context.random);
    this.#pool = new ProbePool(settings.poolSize, settings.hotQuantile, context.random);
  }

  update({ ready }: Rotation): void {
    const before = this.#replies;
    this.#replies = new Map(ready.map((endpoint) => [endpoint, before.get(endpoint) ?? this.#replyOf(endpoint)]));
    this.#sampler.update(ready);
    this.#pool.retain(ready, usesPerAnswer(this.#settings, ready.length));
  }

  pick(request: PickRequest): Endpoint {
    const pool = this.#pool;
    pool.expire(request.nowMs, this.#settings.maxAgeMs);
    this.#probe();
    this.#remove();
    const answer = pool.size < MIN_POOL ? -1 : pool.best(request.tried);
    return answer === -1 ? this.#sampler.drawUntried(request.tried) : pool.use(answer);
  }

  #probe(): void {
    const due = this.#due;
    const { endpoints } = this.#sampler;
    for (due[0] = due[0]! + this.#settings.probesPerCall; due[0] >= 1; due[0] = due[0]! - 1) {
      // Whatever its weight, which decides how often its answer is used.
      const endpoint = endpoints[this.#context.random.below(endpoints.length)]!;
      try {
        this.#context.probes.probe(endpoint, this.#replies.get(endpoint)!);
      } catch {
        // No answer, like one that is lost on its way.
      }
    }
  }

  #remove(): void {
    const due = this.#due;
    for (due[1] = due[1]! + this.#settings.removalsPerCall; due[1] >= 1; due[1] = due[1]! - 1) {
      // Never so far that the pool cannot be used: with few endpoints there are few answers.
      if (this.#pool.size <= MIN_POOL) continue;
      if (this.#removeOldest) this.#pool.dropOldest();
      else this.#pool.dropWorst();
      this.#removeOldest = !this.#removeOldest;
    }
  }

  #replyOf(endpoint: Endpoint): Reply {
    return (inflight, latencyMs) => {
      // Late answers of endpoints that left, and nonsense, are no answers.
      if (!this.#replies.has(endpoint) || !(inflight >= 0) || !(latencyMs >= 0)) return;
      this.#pool.add(endpoint, Math.min(inflight, MAX_INFLIGHT), latencyMs, this.#context.clock.now());
    };
  }
}

/**
 * How many calls one answer serves, so that the pool neither runs dry nor grows stale: the paper's
 * max(1, (1 + δ) / ((1 - m/n) × probes - removals)) with δ = 1, m answers in the pool and n endpoints.
 */
function usesPerAnswer({ probesPerCall, removalsPerCall, poolSize }: PrequalSettings, endpoints: number): number {
  const net = (1 - poolSize / endpoints) * probesPerCall - removalsPerCall;
  // At or below 0 the formula has no answer: fewer answers come in than go out, and each must serve for long.
  return net <= 2 / MAX_USES ? MAX_USES : Math.max(1, 2 / net);
}

const MAX_USES = 8;
/** With one answer there is nothing to choose from. */
const MIN_POOL = 2;
const MAX_INFLIGHT = 2 ** 30;
