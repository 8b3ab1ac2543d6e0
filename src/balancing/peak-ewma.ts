import type { Endpoint } from '../endpoint/endpoint.js';
import { integer, number, readOptions } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';
import type { Picker, PickRequest, Policy, Rotation } from './policy.js';
import { definePolicy, type PolicyFactory } from './registry.js';
import { WeightedSampler } from './weighted-sampler.js';

export interface PeakEwmaOptions {
  /** Time constant with which the estimate forgets, milliseconds. Default 10,000 (Finagle's); 1 to 3,600,000. */
  readonly decayMs?: number;
  /** How many endpoints are compared per call. Default 2; 2 to 16. */
  readonly choices?: number;
}

/**
 * Two at random, the one with the lower expected cost wins: peak EWMA of its response time × (calls in flight + 1).
 * The estimate jumps up at once with a slow answer and comes down slowly, so a server that stalls loses its traffic
 * after one call and earns it back. From Finagle's PeakEwma; the comparison that made it known is Linkerd's "Beyond
 * Round Robin" (2016).
 *
 * Ahead of the published one: the age of calls in progress counts (a server that stopped answering is slow before its
 * first late answer), and failures cost (one that fails fast would look fast).
 *
 * Cost: O(choices) and the clock.
 */
export const peakEwma: PolicyFactory<PeakEwmaOptions> = definePolicy('peak_ewma', (options): Policy => {
  const { decayMs, choices } = readOptions<Required<PeakEwmaOptions>>('peak_ewma', options, {
    decayMs: number(10_000, 1, 3_600_000),
    choices: integer(2, 2, 16),
  });
  return {
    name: 'peak_ewma',
    needsLatency: true,
    decayMs,
    create: (context) => new PeakEwmaPicker(context.random, choices, decayMs),
  };
});

class PeakEwmaPicker implements Picker {
  readonly #sampler: WeightedSampler;
  readonly #choices: number;
  readonly #decayMs: number;

  constructor(random: Random, choices: number, decayMs: number) {
    this.#sampler = new WeightedSampler(random);
    this.#choices = choices;
    this.#decayMs = decayMs;
  }

  update(rotation: Rotation): void {
    this.#sampler.update(rotation.ready);
  }

  pick(request: PickRequest): Endpoint {
    const { tried, nowMs } = request;
    const sampler = this.#sampler;
    let best = sampler.drawUntried(tried);
    let bestCost = this.#cost(best, nowMs);
    for (let choice = 1; choice < this.#choices; choice++) {
      const other = sampler.drawOther(best, tried);
      const cost = this.#cost(other, nowMs);
      if (cost < bestCost) {
        best = other;
        bestCost = cost;
      }
    }
    return best;
  }

  #cost(endpoint: Endpoint, nowMs: number): number {
    const { inflight, latencyMs, latencyAtMs, failureRatio, weight } = endpoint;
    // No answer yet: a first call may try it, more wait until that one told (Finagle's penalty).
    if (Number.isNaN(latencyMs)) return inflight === 0 && failureRatio === 0 ? 0 : UNKNOWN_PENALTY_MS + inflight;
    const decayed = latencyMs * Math.exp((latencyAtMs - nowMs) / this.#decayMs);
    const meanAge = inflight === 0 ? 0 : endpoint.inflightAgeMs(nowMs) / inflight;
    const expected = Math.max(decayed, meanAge);
    return ((expected * (inflight + 1)) / weight) * (1 + FAILURE_COST * failureRatio);
  }
}

/** Above any latency: Finagle uses 2^47 ns, 39 hours. */
const UNKNOWN_PENALTY_MS = 140_737_488;

/** An endpoint that fails every call costs as much as one this many times slower. */
const FAILURE_COST = 100;
