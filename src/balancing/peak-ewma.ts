import type { Endpoint, Rotation } from '../endpoint/endpoint.js';
import { decayed, SMALL_RATIO } from '../runtime/decay.js';
import { fields, integer, number } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import type { Oddities } from './oddities.js';
import type { Description, Picker, PickRequest, Policy, Preview } from './policy.js';
import { WeightedSampler } from './weighted-sampler.js';

export interface PeakEwmaOptions {
  /**
   * Time constant with which estimates are forgotten, milliseconds. Default 10,000 (Finagle's); 1
   * to 3,600,000.
   */
  readonly decayMs?: number;
  /** How many endpoints are compared per call. Default 2; 2 to 16. */
  readonly choices?: number;
  /**
   * What a failed call costs, in answered ones: an endpoint that fails every second call is as dear
   * as one that is 1 + this many times slower. Default 20; 0 to 10,000, where 0 lets a server that
   * fails fast pass for a fast one.
   */
  readonly failurePenalty?: number;
}

const readPeakEwma = fields<Required<PeakEwmaOptions>>({
  decayMs: number(10_000, 1, 3_600_000),
  choices: integer(2, 2, 16),
  failurePenalty: number(20, 0, 10_000),
});

/**
 * Two at random, the one with the lower expected cost wins:
 *
 *     cost = expected ms × (calls in flight / relative weight + 1) × (1 + failurePenalty × f / (1 - f))
 *
 * The expected time is the peak EWMA of the response time, which jumps up at once with a slow
 * answer and comes down with `decayMs`, also while no call is made: a server that stalls loses its
 * traffic after one answer and earns it back. From Finagle's PeakEwma; Linkerd's "Beyond Round
 * Robin" (2016) made it known. Ahead of the published one:
 *
 * - **Age counts.** The mean age of the calls in progress is a lower bound of what the next one
 *   takes, so a server that stopped answering is slow before its first late answer. (At a healthy
 *   one it is half the response time.)
 * - **Failures cost.** f is the share of calls not served, and f / (1 - f) how many of those to
 *   expect for one that is served. A server that fails fast has nothing in flight and a low
 *   response time: by these alone it would win.
 * - **A straggler stays last.** Where one of the two is more than three times slower, the excess
 *   counts twice. In flight + 1 alone would send it a call whenever it is idle, however slow: with
 *   15 calls in flight at each of the others, one that is 12 times slower would still look cheaper.
 * - **Cancelled calls count.** One given up, or hedged away, after longer than the estimate raises
 *   it.
 *
 * Weights count in the draw, and in the cost by the calls in flight only (relative to the mean
 * weight): an idle light endpoint drawn first is no dearer than an idle heavy one, or it would get
 * no calls at low load. Where the other is the lighter one, the call itself counts there too, by as
 * much as it is lighter: or it would get every second call.
 *
 * An endpoint without an answer yet gets one call, and more once that is answered.
 *
 * Linkerd's scenario (11 servers of 167 ms, one answers in 2 s for 30 of 60 s, 1,000 calls a
 * second) has 2,727 calls over 1 s under round robin, 300 under least request, 43 under the
 * published formula and 23 under this one, means of 10 seeds: `bench/chart/peak-ewma.ts` reproduces
 * it and the choice of the constants.
 *
 * Cost: O(choices), two exponentials a comparison, and the clock.
 */
export const peakEwma: PolicyFactory<PeakEwmaOptions> = definePolicy(
  'peak_ewma',
  (options): Policy => {
    const read = readPeakEwma(options, 'peak_ewma');
    return {
      name: 'peak_ewma',
      needsLatency: true,
      decayMs: read.decayMs,
      create: ({ random, oddities }) => new PeakEwmaPicker(random, read, oddities),
    };
  },
  readPeakEwma,
);

class PeakEwmaPicker implements Picker {
  readonly #sampler: WeightedSampler;
  readonly #choices: number;
  readonly #decayMs: number;
  readonly #failurePenalty: number;

  constructor(random: Random, options: Required<PeakEwmaOptions>, oddities: Oddities | undefined) {
    this.#sampler = new WeightedSampler(random, oddities);
    this.#choices = options.choices;
    this.#decayMs = options.decayMs;
    this.#failurePenalty = options.failurePenalty;
  }

  update(rotation: Rotation): void {
    this.#sampler.update(rotation.ready);
  }

  pick(request: PickRequest): Endpoint {
    const { tried } = request;
    const sampler = this.#sampler;
    let best = sampler.drawUntried(tried);
    for (let choice = 1; choice < this.#choices; choice++) {
      const other = sampler.drawOther(best, tried);
      if (this.#isCheaper(other, best, request)) best = other;
    }
    return best;
  }

  /**
   * The cost of one by itself. What two cost beside each other, a straggler's excess and a lighter
   * one's part of the call, is not in it; of one without an answer it is its load alone.
   */
  describe(endpoint: Endpoint, { nowMs }: PickRequest): Description {
    const { inflight, weight, failureRatio, latencyMs, latencyAtMs } = endpoint;
    const keep = decayed((nowMs - latencyAtMs) / this.#decayMs);
    const ewmaMs = latencyMs * keep;
    const ageMs = inflight > 0 ? endpoint.inflightAgeMs(nowMs) / inflight : 0;
    const load = this.#load(endpoint, nowMs);
    return {
      cost: ewmaMs >= 0 ? Math.max(ewmaMs, ageMs) * load : load,
      parts: { ewmaMs, ageMs, inflight, weight, failureRatio: failureRatio === 0 ? 0 : failureRatio * keep },
    };
  }

  preview(request: PickRequest, random: Random): Preview {
    const { tried } = request;
    const sampler = this.#sampler.over(random);
    let endpoint = sampler.drawUntried(tried);
    const drew = [endpoint];
    for (let choice = 1; choice < this.#choices; choice++) {
      const other = sampler.drawOther(endpoint, tried);
      drew.push(other);
      if (this.#isCheaper(other, endpoint, request)) endpoint = other;
    }
    return { endpoint, drew };
  }

  /**
   * Written out, and given the request rather than its time: a double that crosses a call which V8
   * does not inline becomes a heap object, three of them per pick.
   */
  #isCheaper(a: Endpoint, b: Endpoint, request: PickRequest): boolean {
    const { nowMs } = request;
    const ratioA = (nowMs - a.latencyAtMs) / this.#decayMs;
    const ratioB = (nowMs - b.latencyAtMs) / this.#decayMs;
    // `decayed`, written out.
    const keepA = ratioA < SMALL_RATIO ? 1 - ratioA * (1 - ratioA * (0.5 - ratioA / 6)) : Math.exp(-ratioA);
    const keepB = ratioB < SMALL_RATIO ? 1 - ratioB * (1 - ratioB * (0.5 - ratioB / 6)) : Math.exp(-ratioB);
    let costA = a.latencyMs * keepA;
    let costB = b.latencyMs * keepB;
    if (!(costA >= 0 && costB >= 0)) return this.#isCheaperUnanswered(a, b, request);
    if (a.inflight > 0) {
      const meanAgeMs = a.inflightAgeMs(nowMs) / a.inflight;
      if (meanAgeMs > costA) costA = meanAgeMs;
    }
    if (b.inflight > 0) {
      const meanAgeMs = b.inflightAgeMs(nowMs) / b.inflight;
      if (meanAgeMs > costB) costB = meanAgeMs;
    }
    if (costA > costB * STRAGGLER_RATIO) costA *= costA / (costB * STRAGGLER_RATIO);
    else if (costB > costA * STRAGGLER_RATIO) costB *= costB / (costA * STRAGGLER_RATIO);
    if (a.failureRatio > 0) costA *= 1 + this.#failurePenalty * odds(a.failureRatio * keepA);
    if (b.failureRatio > 0) costB *= 1 + this.#failurePenalty * odds(b.failureRatio * keepB);
    const { meanWeight } = this.#sampler;
    const lighterBy = a.weight < b.weight ? 1 - a.weight / b.weight : 0;
    return (
      costA * (((a.inflight + lighterBy) * meanWeight) / a.weight + 1) <
      costB * ((b.inflight * meanWeight) / b.weight + 1)
    );
  }

  /** The same where at least one of the two has not answered any call yet. */
  #isCheaperUnanswered(a: Endpoint, b: Endpoint, { nowMs }: PickRequest): boolean {
    if (b.latencyMs >= 0) {
      if (a.inflight > 0) return false;
      if (Number.isNaN(a.latencyAtMs)) return true;
    } else if (a.latencyMs >= 0) {
      if (b.inflight > 0) return true;
      if (Number.isNaN(b.latencyAtMs)) return false;
    }
    // Both are new, or one has failed all its calls: taken to be as fast as the other, failures and
    // load decide.
    return this.#load(a, nowMs) < this.#load(b, nowMs);
  }

  #load(endpoint: Endpoint, nowMs: number): number {
    const { inflight, weight, failureRatio, latencyAtMs } = endpoint;
    const load = (inflight * this.#sampler.meanWeight) / weight + 1;
    if (failureRatio === 0) return load;
    const failing = failureRatio * decayed((nowMs - latencyAtMs) / this.#decayMs);
    return load * (1 + this.#failurePenalty * odds(failing));
  }
}

/** Failures to expect for each call that is served. */
function odds(failureRatio: number): number {
  return failureRatio < MAX_FAILURE_RATIO ? failureRatio / (1 - failureRatio) : MAX_ODDS;
}

/**
 * From this ratio of expected times on the slower one's excess counts twice. Between 2 and 4
 * Linkerd's scenario has 21 to 25 calls over 1 s (without it 39) and evenly loaded servers of
 * lognormal response times see no difference; squaring from 1 on would cost these a sixth of their
 * mean.
 */
const STRAGGLER_RATIO = 3;

/** Keeps the odds finite; beyond it, more failures in a row say nothing new. */
const MAX_FAILURE_RATIO = 0.99;
const MAX_ODDS = MAX_FAILURE_RATIO / (1 - MAX_FAILURE_RATIO);
