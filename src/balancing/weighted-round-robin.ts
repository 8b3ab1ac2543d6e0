import type { Endpoint } from '../endpoint/endpoint.js';
import { readOptions } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';
import type { Picker, PickRequest, Policy, Rotation } from './policy.js';
import { definePolicy, type PolicyFactory } from './registry.js';
import { EdfSchedule } from './schedule/edf.js';
import type { Schedule } from './schedule/schedule.js';
import { smoothSchedule } from './schedule/smooth.js';

/**
 * Each endpoint in turn, in proportion to its weight, spread out evenly: weights 5, 1, 1 give a a b a c a a. Small sets
 * follow nginx's smooth weighted round robin exactly, from a table of one whole cycle; where the cycle would be too
 * long to lay out (thousands of endpoints, weights without a common divisor), earliest deadline first gives the same
 * shares.
 *
 * Cost: O(1) from the table, O(log n) otherwise. Blind to load.
 */
export const weightedRoundRobin: PolicyFactory<Record<string, never>> = definePolicy(
  'weighted_round_robin',
  (options): Policy => {
    readOptions('weighted_round_robin', options, {});
    return policy;
  },
);

const policy: Policy = {
  name: 'weighted_round_robin',
  needsLatency: false,
  create: ({ random }) => new WeightedRoundRobinPicker(random),
};

class WeightedRoundRobinPicker implements Picker {
  readonly #random: Random;
  #ready: readonly Endpoint[] = [];
  #schedule: Schedule | undefined;

  constructor(random: Random) {
    this.#random = random;
  }

  update(rotation: Rotation): void {
    const weights = rotation.ready.map((endpoint) => endpoint.weight);
    const position = this.#schedule?.position ?? 0;
    this.#ready = rotation.ready;
    this.#schedule = smoothSchedule(weights, position) ?? new EdfSchedule(weights, this.#random);
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
}

/** A retry skips at most this many turns of endpoints already tried before it looks through the list. */
const MAX_SKIPS = 16;
