import type { Endpoint, Rotation } from '../endpoint/endpoint.js';
import { fields } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';
import { definePolicy, type PolicyFactory } from './factory.js';
import type { Description, Picker, PickRequest, Policy, Preview } from './policy.js';

const readNothing = fields<Record<string, never>>({});

/**
 * Each endpoint in turn, whatever its weight: `weighted_round_robin` is the one that minds weights.
 * The turn starts at a random place, so that many clients started at once do not all begin with the
 * same server. An endpoint in slow start takes one turn of several: as many of them as its weight
 * in use is of its full weight.
 *
 * Cost: O(1), one increment. Blind to load: a slow server gets as many calls as a fast one.
 */
export const roundRobin: PolicyFactory<Record<string, never>> = definePolicy(
  'round_robin',
  (options) => {
    readNothing(options, 'round_robin');
    return policy;
  },
  readNothing,
);

const policy: Policy = {
  name: 'round_robin',
  needsLatency: false,
  create: ({ random }) => new RoundRobinPicker(random),
};

class RoundRobinPicker implements Picker {
  readonly #random: Random;
  #ready: readonly Endpoint[] = [];
  #next = 0;
  #start: number | undefined;
  /** The share of its turns that each takes, in 2^30ths; empty while all take all. */
  #shares: Int32Array = NO_SHARES;
  /** What each has put by of the turns it let pass: with a whole one it takes its turn. */
  #credits: Int32Array = NO_SHARES;

  constructor(random: Random) {
    this.#random = random;
    this.#start = random.below(WHOLE);
  }

  update(rotation: Rotation): void {
    const last = this.#ready[(this.#next + this.#ready.length - 1) % this.#ready.length];
    this.#ready = rotation.ready;
    // The turn goes on after the endpoint that had the last one, or where it was if that one is
    // gone.
    const lastAt = last === undefined ? -1 : this.#ready.indexOf(last);
    if (this.#start !== undefined) this.#next = this.#start % this.#ready.length;
    else this.#next = lastAt === -1 ? this.#next % this.#ready.length : (lastAt + 1) % this.#ready.length;
    this.#start = undefined;
    this.#slowDown(rotation.ready);
  }

  /**
   * Relative to the one that takes the most, so that every turn is taken and the search for
   * the taker ends.
   */
  #slowDown(ready: readonly Endpoint[]): void {
    const first = shareOf(ready[0]!);
    if (ready.every((endpoint) => shareOf(endpoint) === first)) {
      this.#shares = NO_SHARES;
      this.#credits = NO_SHARES;
      return;
    }
    const most = ready.reduce((highest, endpoint) => Math.max(highest, shareOf(endpoint)), 0);
    this.#shares = Int32Array.from(ready, (endpoint) => Math.round((shareOf(endpoint) / most) * WHOLE));
    this.#credits = this.#shares.map(() => this.#random.below(WHOLE));
  }

  pick(request: PickRequest): Endpoint {
    const { tried } = request;
    const endpoint = this.#turn();
    if (tried === undefined || !tried.includes(endpoint)) return endpoint;
    for (let turns = 1; turns < this.#ready.length; turns++) {
      const other = this.#turn();
      if (!tried.includes(other)) return other;
    }
    // Turns that slow start let pass may have gone to others twice.
    for (const other of this.#ready) if (!tried.includes(other)) return other;
    return endpoint;
  }

  /** `turns` is how many come before its own, slow start apart; `share` what it takes of them. */
  describe(endpoint: Endpoint): Description {
    const at = this.#ready.indexOf(endpoint);
    const turns = (at - this.#next + this.#ready.length) % this.#ready.length;
    return { parts: { turns, share: (this.#shares[at] ?? WHOLE) / WHOLE } };
  }

  preview(request: PickRequest, random: Random): Preview {
    const twin = new RoundRobinPicker(random);
    twin.#ready = this.#ready;
    twin.#next = this.#next;
    twin.#shares = this.#shares;
    twin.#credits = this.#credits.slice();
    const endpoint = twin.pick(request);
    return { endpoint, drew: [endpoint] };
  }

  #turn(): Endpoint {
    for (;;) {
      const at = this.#next;
      this.#next = at + 1 === this.#ready.length ? 0 : at + 1;
      if (this.#shares.length === 0) return this.#ready[at]!;
      const credit = this.#credits[at]! + this.#shares[at]!;
      this.#credits[at] = credit >= WHOLE ? credit - WHOLE : credit;
      if (credit >= WHOLE) return this.#ready[at]!;
    }
  }
}

/** The part of its weight that is in use. */
function shareOf({ spec, weight }: Endpoint): number {
  return weight / spec.weight;
}

const NO_SHARES = new Int32Array(0);
/** A whole turn; two of them less one still fit into 32 bits. */
const WHOLE = 2 ** 30;
