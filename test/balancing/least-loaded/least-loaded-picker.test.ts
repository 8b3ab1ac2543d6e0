import { type Endpoint, leastConnections, Outcome, type Picker, weightedLeastConnections } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { Oddities } from '../../../src/balancing/oddities.js';
import { LiveEndpoint } from '../../../src/endpoint/live-endpoint.js';

const NONE = { key: undefined, tried: undefined, nowMs: Number.NaN };

function start(make: typeof leastConnections, all: readonly (readonly [weight: number, inflight: number])[], seed = 1) {
  const endpoints = fakeEndpoints(all.length, (i) => ({ weight: all[i]![0] })).map((spec, i) => {
    const endpoint = new LiveEndpoint(spec, i);
    for (let call = 0; call < all[i]![1]; call++) endpoint.begin();
    return endpoint;
  });
  const oddities = new Oddities();
  const context = { random: seededRandom(seed), clock: new ManualClock(), service: 'users', oddities };
  const picker: Picker = make().create(context as never);
  const use = (ready: readonly Endpoint[]): void => picker.update({ ready, members: endpoints, panic: false });
  use(endpoints);
  const pick = (tried?: readonly Endpoint[]): string => picker.pick({ ...NONE, tried }).spec.id;
  return { endpoints, picker, use, pick, oddities };
}

describe('the least loaded', () => {
  it('is found where calls began and ended elsewhere, as soon as it is told of the ends', () => {
    const { endpoints, picker, pick } = start(leastConnections, [
      [1, 0],
      [1, 1],
      [1, 2],
    ]);
    expect(pick()).toBe('e0');
    for (let call = 0; call < 3; call++) endpoints[0]!.begin();
    expect(pick()).toBe('e1');
    endpoints[1]!.begin();
    endpoints[1]!.begin();
    expect(pick()).toBe('e2');
    endpoints[0]!.end(Outcome.Success);
    endpoints[0]!.end(Outcome.Success);
    picker.observe!(endpoints[0]!, Outcome.Success, Number.NaN, Number.NaN);
    expect(pick()).toBe('e0');
  });

  it('is one of its class by weight, and classes follow each other as their loads change', () => {
    const { endpoints, picker, pick } = start(weightedLeastConnections, [
      [1, 1],
      [4, 2],
      [4, 3],
    ]);
    expect(pick()).toBe('e1');
    endpoints[1]!.begin();
    endpoints[1]!.begin();
    // 1 of 1, 4 of 4 and 3 of 4.
    expect(pick()).toBe('e2');
    endpoints[2]!.begin();
    endpoints[2]!.begin();
    endpoints[1]!.begin();
    expect(pick()).toBe('e0');
    endpoints[2]!.end(Outcome.Success);
    endpoints[2]!.end(Outcome.Success);
    picker.observe!(endpoints[2]!, Outcome.Success, Number.NaN, Number.NaN);
    expect(pick()).toBe('e2');
  });

  it('is no endpoint that left, of whose calls nothing is learnt', () => {
    const { endpoints, picker, use, pick } = start(leastConnections, [
      [1, 0],
      [1, 1],
    ]);
    use([endpoints[1]!]);
    picker.observe!(endpoints[0]!, Outcome.Success, Number.NaN, Number.NaN);
    expect([pick(), pick()]).toEqual(['e1', 'e1']);
  });

  it('is drawn among all that have as few calls', () => {
    const { pick } = start(leastConnections, [
      [1, 1],
      [9, 0],
      [1, 0],
      [1, 0],
    ]);
    expect(new Set(Array.from({ length: 60 }, () => pick()))).toEqual(new Set(['e1', 'e2', 'e3']));
  });
});

describe('a retry', () => {
  it('takes the least loaded of those that were not tried, and draws in vain four times at most', () => {
    const { endpoints, pick, oddities } = start(weightedLeastConnections, [
      [1, 0],
      [2, 3],
      [2, 2],
      [1, 2],
    ]);
    expect(pick([endpoints[0]!])).toBe('e2');
    expect(oddities.read()).toMatchObject({ drewTried: 4, searched: 1 });
    expect(pick([endpoints[0]!, endpoints[2]!])).toBe('e1');
    expect(pick([endpoints[0]!, endpoints[2]!, endpoints[1]!])).toBe('e3');
    expect(endpoints.map(({ spec }) => spec.id)).toContain(pick(endpoints));
  });

  it('draws on where others have as few calls', () => {
    const { endpoints, pick, oddities } = start(leastConnections, [
      [1, 0],
      [1, 0],
      [1, 5],
    ]);
    for (let call = 0; call < 50; call++) expect(pick([endpoints[0]!])).toBe('e1');
    const { drewTried, searched } = oddities.read();
    expect(drewTried).toBeGreaterThan(20);
    expect(searched).toBeLessThan(12);
  });

  it('looks from a random place on among those alike', () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const { endpoints, pick } = start(
        leastConnections,
        [
          [1, 0],
          [1, 1],
          [1, 1],
          [1, 1],
        ],
        seed,
      );
      seen.add(pick([endpoints[0]!]));
    }
    expect(seen).toEqual(new Set(['e1', 'e2', 'e3']));
  });
});

describe('a preview of the least loaded', () => {
  it('changes nothing, and is what is picked', () => {
    const { endpoints, picker } = start(weightedLeastConnections, [
      [1, 0],
      [2, 0],
      [4, 0],
      [8, 1],
    ]);
    for (let call = 0; call < 40; call++) {
      const { endpoint, drew } = picker.preview!(NONE, seededRandom(call + 1));
      expect(drew).toEqual([endpoint]);
      const picked = picker.pick(NONE) as LiveEndpoint;
      expect(endpoint).toBe(picked);
      picked.begin();
    }
    expect(endpoints.map(({ inflight, weight }) => Math.round(inflight / weight))).toEqual([3, 3, 3, 3]);
    expect(picker.describe!(endpoints[3]!, NONE)).toEqual({
      cost: endpoints[3]!.inflight / 8,
      parts: { inflight: endpoints[3]!.inflight, weight: 8 },
    });
  });
});
