import type { Endpoint, Rotation } from '../../endpoint/endpoint.js';
import type { Clock } from '../../runtime/clock.js';
import type { Random } from '../../runtime/random.js';
import { type Oddities, Oddity } from '../oddities.js';
import type { Description, Picker, PickRequest, Preview, ProbeSource } from '../policy.js';
import { WeightedSampler } from '../weighted-sampler.js';
import { type Candidate, ProbePool } from './probe-pool.js';

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
  readonly oddities?: Oddities | undefined;
}

/** Sends the probes, keeps the pool, and picks from it. The pool says which answer is the best. */
export class PrequalPicker implements Picker {
  readonly #context: PrequalContext;
  readonly #settings: PrequalSettings;
  #sampler: WeightedSampler;
  #pool: ProbePool;
  /** In the order of the rotation. */
  #targets: readonly Target[] = [];
  /**
   * When the last call was. Answers count as of then: a clock read for each would cost more than
   * all the rest.
   */
  readonly #pickedAtMs = new Float64Array(1);
  /** Probes and removals due, in fractions. */
  readonly #due = new Float64Array(2);
  #removeOldest = true;

  constructor(context: PrequalContext, settings: PrequalSettings) {
    this.#context = context;
    this.#settings = settings;
    const { random, oddities } = context;
    if (oddities !== undefined) oddities.probing = true;
    this.#sampler = new WeightedSampler(random, oddities);
    this.#pool = new ProbePool(settings.poolSize, settings.hotQuantile, random, oddities);
  }

  update({ ready }: Rotation): void {
    const before = new Map(this.#targets.map((target) => [target.endpoint, target]));
    this.#targets = ready.map((endpoint) => {
      const known = before.get(endpoint);
      before.delete(endpoint);
      return known ?? new Target(endpoint, this.#pool, this.#pickedAtMs, this.#context.oddities);
    });
    for (const gone of before.values()) gone.listens = false;
    this.#pool.retain(this.#targets, usesPerAnswer(this.#settings, ready));
    this.#sampler.update(ready);
  }

  pick({ tried }: PickRequest): Endpoint {
    const pool = this.#pool;
    this.#pickedAtMs[0] = this.#context.clock.now();
    this.#probe();
    pool.refresh(this.#pickedAtMs, this.#settings.maxAgeMs);
    this.#remove();
    const answer = pool.size < MIN_POOL ? -1 : pool.best(tried);
    if (answer !== -1) return pool.use(answer);
    this.#context.oddities?.count(Oddity.unanswered);
    return this.#sampler.drawUntried(tried);
  }

  /** What it answered last, where that may still be used; else its weight alone. */
  describe(endpoint: Endpoint): Description {
    const { weight } = endpoint;
    const answer = this.#pool.answerOf(endpoint);
    if (answer === undefined) return { parts: { weight } };
    const { inflight, latencyMs, arrivedAtMs, hot, score } = answer;
    const ageMs = this.#context.clock.now() - arrivedAtMs;
    return { cost: score, parts: { inflight, latencyMs, hot: hot ? 1 : 0, ageMs, weight } };
  }

  /** Asks no server: goes by the answers that there are. */
  preview(request: PickRequest, random: Random): Preview {
    const twin = new PrequalPicker({ clock: this.#context.clock, random, probes: NO_PROBES }, this.#settings);
    twin.#targets = this.#targets;
    twin.#sampler = this.#sampler.over(random);
    twin.#pool = this.#pool.copy(random);
    twin.#due.set(this.#due);
    twin.#removeOldest = this.#removeOldest;
    const endpoint = twin.pick(request);
    return { endpoint, drew: [endpoint] };
  }

  #probe(): void {
    const due = this.#due;
    const targets = this.#targets;
    const { probes, random, oddities } = this.#context;
    for (due[0] = due[0]! + this.#settings.probesPerCall; due[0] >= 1; due[0] = due[0]! - 1) {
      // Whatever its weight, which decides how often its answer is used.
      const { endpoint, reply } = targets[random.below(targets.length)]!;
      oddities?.count(Oddity.probes);
      try {
        probes.probe(endpoint, reply);
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
}

/**
 * An endpoint that is asked, and what takes its answers: made once per endpoint, so that a pick
 * allocates nothing.
 */
class Target implements Candidate {
  readonly endpoint: Endpoint;
  share = 0;
  place = -1;
  /** Until the endpoint left the rotation: an answer that comes later is none. */
  listens = true;
  readonly reply: (inflight: number, latencyMs: number) => void;

  constructor(endpoint: Endpoint, pool: ProbePool, pickedAtMs: Float64Array, oddities: Oddities | undefined) {
    this.endpoint = endpoint;
    this.reply = (inflight, latencyMs) => {
      // Nonsense is not an answer.
      if (!this.listens || !(inflight >= 0) || !(latencyMs >= 0)) return;
      oddities?.count(Oddity.answers);
      pool.add(this, Math.min(inflight, MAX_INFLIGHT), latencyMs, pickedAtMs);
    };
  }
}

/**
 * How many calls one answer serves, so that the pool neither runs dry nor grows stale: the paper's
 * max(1, (1 + δ) / ((1 - m/n) × probes - removals)) with δ = 1, m answers in the pool and n
 * endpoints. Of the probes only those count whose answers the weights let in.
 */
function usesPerAnswer(settings: PrequalSettings, ready: readonly Endpoint[]): number {
  const { probesPerCall, removalsPerCall, poolSize } = settings;
  const heaviest = ready.reduce((most, { weight }) => Math.max(most, weight), 0);
  const kept = ready.reduce((sum, { weight }) => sum + weight, 0) / (heaviest * ready.length);
  const net = (1 - poolSize / ready.length) * probesPerCall * kept - removalsPerCall;
  // At or below 0 the formula has no answer: fewer answers come in than go out, and each must serve
  // for long.
  return net <= 2 / MAX_USES ? MAX_USES : Math.max(1, 2 / net);
}

const NO_PROBES: ProbeSource = { probe: () => {} };

const MAX_USES = 8;
/** With one answer there is nothing to choose from. */
const MIN_POOL = 2;
const MAX_INFLIGHT = 2 ** 30;
