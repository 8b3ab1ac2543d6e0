import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Endpoint, EndpointSpec, Policy, PolicyContext, RoutingKey } from 'fairlead';
import { Outcome } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Picker } from '../../src/balancing/policy.js';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { toTick } from '../../src/runtime/ticks.js';

/** What a policy claims about itself. */
export interface Traits {
  /** Shares follow the weights of the endpoints, within this relative error. Not given: weights do not matter to it. */
  readonly weightsWithin?: number;
  /** Shares of equal endpoints are equal within this relative error. Default 0.1. */
  readonly evenWithin?: number;
  /** What else its context needs. */
  readonly context?: (clock: ManualClock) => Partial<PolicyContext>;
}

/**
 * What every policy has to do, whatever else it does. Runs its picker as the core would: over live endpoints whose
 * counters change, under rotations that come and go.
 */
export function conformance(name: string, make: () => Policy, traits: Traits = {}): void {
  const { evenWithin = 0.1, weightsWithin } = traits;
  const start = (weights: readonly number[], seed = 1): Stage => new Stage(make(), weights, seed, traits);

  describe(`${name} conforms`, () => {
    it('picks a ready endpoint that was not tried while there is one, through any history', () => {
      fc.assert(
        fc.property(
          fc.array(anyStep, { minLength: 1, maxLength: 60 }),
          fc.integer({ min: 1, max: 9 }),
          (steps, count) => {
            const stage = start(Array.from({ length: count }, (_, i) => 1 + (i % 3)));
            for (const step of steps) {
              stage.take(step);
              const tried = step.tried.map((i) => stage.all[i % stage.all.length]!);
              const picked = stage.pick(step.key, tried);
              expect(stage.ready).toContain(picked);
              if (stage.ready.some((endpoint) => !tried.includes(endpoint))) expect(tried).not.toContain(picked);
            }
          },
        ),
        { numRuns: 30 },
      );
    });

    it('picks the same under the same seed', () => {
      const run = (): string[] => {
        const stage = start([1, 2, 3, 4, 5], 42);
        return Array.from({ length: 200 }, (_, i) => stage.call(`key-${i}`));
      };
      expect(run()).toEqual(run());
    });

    it('shares calls out evenly among equals, with keys and without', () => {
      for (const key of [(i: number) => `key-${i}`, () => undefined]) {
        const shares = start([1, 1, 1, 1, 1]).shares(6_000, key);
        for (const share of shares) expect(share).toBeCloseToRatio(1 / 5, evenWithin);
      }
    });

    it('keeps its shares when the rotation is renewed all the time', () => {
      const stage = start([1, 1, 1, 1]);
      const shares = stage.shares(
        4_000,
        (i) => `key-${i}`,
        () => stage.renew(),
      );
      for (const share of shares) expect(share).toBeCloseToRatio(1 / 4, evenWithin + 0.05);
    });

    if (weightsWithin !== undefined) {
      it('gives each its share by weight in the long run', () => {
        const weights = [1, 2, 3, 6];
        const shares = start(weights).shares(10_000, (i) => `key-${i}`);
        for (const [i, share] of shares.entries()) expect(share).toBeCloseToRatio(weights[i]! / 12, weightsWithin);
      });
    }

    it('gives an endpoint in slow start as much less as its weight in use says', () => {
      const stage = start([2, 2, 2, 2]);
      stage.all[1]!.weight = 0.4;
      stage.renew();
      const shares = stage.shares(10_000, (i) => `key-${i}`);
      expect(shares[1]).toBeGreaterThan(0.02);
      expect(shares[1]).toBeLessThan(0.13);
      for (const i of [0, 2, 3]) expect(shares[i]).toBeCloseToRatio((1 - shares[1]!) / 3, evenWithin + 0.1);
    });

    it('is not harmed by any key', () => {
      const stage = start([1, 2, 3]);
      const keys: unknown[] = [
        '',
        '__proto__',
        'constructor',
        'toString',
        '\ud800',
        '\udfff\ud800',
        '\0',
        'k'.repeat(1_000_000),
      ];
      keys.push(new Uint8Array(0), new Uint8Array([255, 0, 254]), Buffer.from('key'), new Uint8Array(100_000));
      for (const key of keys) expect(stage.ready).toContain(stage.pick(key as RoutingKey, []));
      expect(Object.keys(Object.prototype)).toEqual([]);
    });

    it('allocates nothing for a pick', () => {
      const stage = start(Array.from({ length: 50 }, (_, i) => 1 + (i % 3)));
      const keys = Array.from({ length: 64 }, (_, i) => `user:${i}`);
      expect(bytesPer(() => stage.bare(keys[stage.turns++ & 63]!))).toBeLessThan(1);
    });
  });
}

type Step = {
  readonly kind: string;
  readonly who: number;
  readonly key: RoutingKey | undefined;
  readonly tried: readonly number[];
};

const anyStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('arrive', 'depart', 'eject', 'return', 'weigh', 'begin', 'end', 'fail', 'wait', 'none'),
  who: fc.nat(100),
  key: fc.oneof(fc.constant(undefined), fc.string(), fc.uint8Array({ maxLength: 20 })),
  tried: fc.array(fc.nat(20), { maxLength: 4 }),
});

/** A picker and the part of the core that it sees. */
class Stage {
  all: LiveEndpoint[];
  ready: LiveEndpoint[] = [];
  turns = 0;
  readonly #clock = new ManualClock(1_000);
  readonly #policy: Policy;
  readonly #picker: Picker;
  readonly #request = {
    key: undefined as RoutingKey | undefined,
    tried: undefined as readonly Endpoint[] | undefined,
    nowMs: Number.NaN,
  };
  readonly #open: LiveEndpoint[] = [];
  #made = 0;

  constructor(policy: Policy, weights: readonly number[], seed: number, traits: Traits) {
    this.#policy = policy;
    const clock = this.#clock;
    this.#picker = policy.create({ clock, random: seededRandom(seed), service: 'users', ...traits.context?.(clock) });
    this.all = weights.map((weight) => this.#make(weight));
    this.renew();
  }

  #make(weight: number): LiveEndpoint {
    const id = String(this.#made).padStart(3, '0');
    const spec: EndpointSpec = { ...fakeEndpoints(1)[0]!, id, weight };
    return new LiveEndpoint(spec, this.#made++);
  }

  renew(): void {
    const ready = this.all.filter((endpoint) => endpoint.state === 'ready');
    const panic = ready.length === 0;
    this.ready = panic ? [...this.all] : ready;
    this.#picker.update({ ready: this.ready, members: [...this.all], panic });
  }

  take({ kind, who }: Step): void {
    const endpoint = this.all[who % this.all.length]!;
    if (kind === 'arrive') this.all.push(this.#make(1 + (who % 5)));
    else if (kind === 'depart' && this.all.length > 1) {
      this.all.splice(who % this.all.length, 1);
      endpoint.state = 'draining';
    } else if (kind === 'eject') endpoint.state = 'ejected';
    else if (kind === 'return') endpoint.state = 'ready';
    else if (kind === 'weigh') endpoint.weight = endpoint.spec.weight * ((1 + (who % 10)) / 10);
    else if (kind === 'begin') this.#begin(endpoint);
    else if (kind === 'end') this.#end(Outcome.Success);
    else if (kind === 'fail') this.#end(Outcome.Failure);
    else if (kind === 'wait') this.#clock.advance(who * 50);
    this.renew();
  }

  pick(key: RoutingKey | undefined, tried: readonly Endpoint[] | undefined): Endpoint {
    this.#request.key = key;
    this.#request.tried = tried;
    this.#request.nowMs = this.#policy.needsLatency ? this.#clock.now() : Number.NaN;
    const picked = this.#picker.pick(this.#request);
    this.#begin(picked as LiveEndpoint);
    return picked;
  }

  /** Nothing but the pick, for those who count bytes. */
  bare(key: RoutingKey): Endpoint {
    this.#request.key = key;
    return this.#picker.pick(this.#request);
  }

  /** One call from its pick to its answer, which takes 10 ms. */
  call(key: RoutingKey | undefined): string {
    const { id } = this.pick(key, undefined).spec;
    this.#clock.advance(10);
    this.#end(Outcome.Success);
    return id;
  }

  shares(calls: number, key: (call: number) => RoutingKey | undefined, between?: () => void): number[] {
    const counts = new Map<string, number>();
    for (let i = 0; i < calls; i++) {
      const id = this.call(key(i));
      counts.set(id, (counts.get(id) ?? 0) + 1);
      between?.();
    }
    return this.all.map((endpoint) => (counts.get(endpoint.spec.id) ?? 0) / calls);
  }

  #begin(endpoint: LiveEndpoint): void {
    if (this.#policy.needsLatency) endpoint.beginTimed(this.#clock.now());
    else endpoint.begin();
    this.#open.push(endpoint);
  }

  #end(outcome: Outcome): void {
    const endpoint = this.#open.shift();
    if (endpoint === undefined) return;
    const nowMs = this.#policy.needsLatency ? this.#clock.now() : Number.NaN;
    if (this.#policy.needsLatency)
      endpoint.endTimed(outcome, toTick(nowMs - 10), nowMs, this.#policy.decayMs ?? 10_000);
    else endpoint.end(outcome);
    this.#picker.observe?.(endpoint, outcome, this.#policy.needsLatency ? 10 : Number.NaN, nowMs);
  }
}

/** Bytes of heap that one turn leaves behind, in the best of some rounds: the first ones are still being compiled. */
function bytesPer(turn: () => void): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const TURNS = 10_000;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12 && least >= 1; round++) {
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < TURNS; i++) turn();
    least = Math.min(least, Math.max(0, process.memoryUsage().heapUsed - before) / TURNS);
  }
  return least;
}

interface RatioMatcher<R> {
  toBeCloseToRatio(expected: number, within: number): R;
}
declare module 'vitest' {
  interface Matchers<T> extends RatioMatcher<T> {}
}
expect.extend({
  toBeCloseToRatio(received: number, expected: number, within: number) {
    const pass = Math.abs(received / expected - 1) <= within;
    return { pass, message: () => `${received} should be within ${within * 100} % of ${expected}` };
  },
});
