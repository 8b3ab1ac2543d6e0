import type { Endpoint, Rotation } from '../endpoint/endpoint.js';
import { fields, integer } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import type { Oddities } from './oddities.js';
import type { Description, Picker, PickRequest, Policy, Preview } from './policy.js';
import { WeightedSampler } from './weighted-sampler.js';

export interface LeastRequestOptions {
  /** How many endpoints are compared per call. Default 2; 2 to 16. */
  readonly choices?: number;
}

const readLeastRequest = fields<Required<LeastRequestOptions>>({ choices: integer(2, 2, 16) });

/**
 * Two at random, the one with fewer calls in flight wins. Two choices are exponentially better than
 * one (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", IEEE TPDS 12(10),
 * 2001) and, unlike the true minimum, do not send every client to the same server. With unequal
 * weights endpoints are drawn by weight and compared by calls per weight; of two idle ones the
 * first drawn is taken, so that light endpoints have their share at low load too. A lighter one is
 * taken in place of the first only where that pays with the call counted, in part for one that is a
 * little lighter: an idle endpoint of a thousandth of the weight has nothing in flight, and would
 * otherwise have a call whenever it is idle.
 *
 * Cost: O(choices). Blind to response time: prefer `peak_ewma` where servers differ in speed.
 */
export const leastRequest: PolicyFactory<LeastRequestOptions> = definePolicy(
  'least_request',
  (options): Policy => {
    const { choices } = readLeastRequest(options, 'least_request');
    return {
      name: 'least_request',
      needsLatency: false,
      create: ({ random, oddities }) => new LeastRequestPicker(random, choices, oddities),
    };
  },
  readLeastRequest,
);

class LeastRequestPicker implements Picker {
  readonly #sampler: WeightedSampler;
  readonly #choices: number;

  constructor(random: Random, choices: number, oddities: Oddities | undefined) {
    this.#sampler = new WeightedSampler(random, oddities);
    this.#choices = choices;
  }

  update(rotation: Rotation): void {
    this.#sampler.update(rotation.ready);
  }

  pick(request: PickRequest): Endpoint {
    const sampler = this.#sampler;
    let best = sampler.drawUntried(request.tried);
    for (let choice = 1; choice < this.#choices; choice++) {
      const other = sampler.drawOther(best, request.tried);
      if (isLess(other, best)) best = other;
    }
    return best;
  }

  describe({ inflight, weight }: Endpoint): Description {
    return { cost: inflight / weight, parts: { inflight, weight } };
  }

  preview({ tried }: PickRequest, random: Random): Preview {
    const sampler = this.#sampler.over(random);
    let endpoint = sampler.drawUntried(tried);
    const drew = [endpoint];
    for (let choice = 1; choice < this.#choices; choice++) {
      const other = sampler.drawOther(endpoint, tried);
      drew.push(other);
      if (isLess(other, endpoint)) endpoint = other;
    }
    return { endpoint, drew };
  }
}

/** Whether another pays with the call counted: see the policy. */
function isLess(other: Endpoint, best: Endpoint): boolean {
  const lighterBy = Math.max(0, best.weight - other.weight);
  return other.inflight * best.weight + lighterBy < best.inflight * other.weight;
}
