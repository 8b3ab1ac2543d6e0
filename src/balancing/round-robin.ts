import type { Endpoint } from '../endpoint/endpoint.js';
import { readOptions } from '../runtime/options.js';
import type { Picker, PickRequest, Policy, Rotation } from './policy.js';
import { definePolicy, type PolicyFactory } from './registry.js';

/**
 * Each endpoint in turn, whatever its weight: `weighted_round_robin` is the one that minds weights. The turn starts at a
 * random place, so that many clients started at once do not all begin with the same server.
 *
 * Cost: O(1), one increment. Blind to load: a slow server gets as many calls as a fast one.
 */
export const roundRobin: PolicyFactory<Record<string, never>> = definePolicy('round_robin', (options) => {
  readOptions('round_robin', options, {});
  return policy;
});

const policy: Policy = {
  name: 'round_robin',
  needsLatency: false,
  create: ({ random }) => new RoundRobinPicker(random.below(2 ** 30)),
};

class RoundRobinPicker implements Picker {
  #ready: readonly Endpoint[] = [];
  #next: number;
  #start: number | undefined;

  constructor(start: number) {
    this.#next = 0;
    this.#start = start;
  }

  update(rotation: Rotation): void {
    const last = this.#ready[(this.#next + this.#ready.length - 1) % this.#ready.length];
    this.#ready = rotation.ready;
    // The turn goes on after the endpoint that had the last one, or where it was if that one is gone.
    const lastAt = last === undefined ? -1 : this.#ready.indexOf(last);
    if (this.#start !== undefined) this.#next = this.#start % this.#ready.length;
    else this.#next = lastAt === -1 ? this.#next % this.#ready.length : (lastAt + 1) % this.#ready.length;
    this.#start = undefined;
  }

  pick(request: PickRequest): Endpoint {
    const { tried } = request;
    const endpoint = this.#turn();
    if (tried === undefined || !tried.includes(endpoint)) return endpoint;
    for (let turns = 1; turns < this.#ready.length; turns++) {
      const other = this.#turn();
      if (!tried.includes(other)) return other;
    }
    return this.#turn();
  }

  #turn(): Endpoint {
    const at = this.#next;
    this.#next = at + 1 === this.#ready.length ? 0 : at + 1;
    return this.#ready[at]!;
  }
}
