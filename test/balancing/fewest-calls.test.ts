import { consistentHash, type Endpoint, leastRequest, type Picker } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { BoundedLoad } from '../../src/balancing/hashing/bounded-load.js';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { Outcome } from '../../src/runtime/outcome.js';

/** Endpoints with a weight and so many calls in progress. */
const endpointsOf = (...all: (readonly [weight: number, inflight: number])[]): LiveEndpoint[] =>
  fakeEndpoints(all.length, (i) => ({ weight: all[i]![0] })).map((spec, i) => {
    const endpoint = new LiveEndpoint(spec);
    for (let call = 0; call < all[i]![1]; call++) endpoint.begin();
    return endpoint;
  });

const NONE = { key: undefined, tried: undefined, nowMs: Number.NaN };

function pickerOf(policy: { create: (context: never) => Picker }, ready: readonly Endpoint[]): Picker {
  const picker = policy.create({ random: seededRandom(1), clock: new ManualClock(), service: 'users' } as never);
  picker.update({ ready, members: ready, panic: false });
  return picker;
}

/** Which of two it takes, over many draws in either order. */
const taken = (...two: (readonly [weight: number, inflight: number])[]): string => {
  const picker = pickerOf(leastRequest(), endpointsOf(...two));
  const ids = Array.from({ length: 400 }, () => picker.pick(NONE).spec.id);
  return [...new Set(ids)].sort().join(' or ');
};

describe('of two that it drew, least_request takes', () => {
  it('the one with fewer calls in progress, and the first of two with as many', () => {
    expect(taken([1, 2], [1, 3])).toBe('e0');
    expect(taken([1, 3], [1, 2])).toBe('e1');
    expect(taken([1, 2], [1, 2])).toBe('e0 or e1');
    expect(taken([1, 0], [1, 0])).toBe('e0 or e1');
  });

  it('the one with fewer calls for its weight, and the first of two with as many', () => {
    expect(taken([2, 3], [4, 8])).toBe('e0');
    expect(taken([2, 4], [4, 7])).toBe('e1');
    expect(taken([2, 0], [4, 0])).toBe('e0 or e1');
  });

  it('a lighter one that was drawn second only where that pays with the call counted', () => {
    // 0 calls of 1 and 2 of 3: the lighter would have 1 of 1, and the heavier 3 of 3.
    expect(taken([1, 0], [3, 2])).toBe('e0 or e1');
    expect(taken([1, 0], [3, 3])).toBe('e0');
  });

  it('the best of as many as it compares', () => {
    const all = endpointsOf([1, 9], [1, 8], [1, 1], [1, 7], [1, 9], [1, 9]);
    const picker = pickerOf(leastRequest({ choices: 16 }), all);
    const ids = Array.from({ length: 200 }, () => picker.pick(NONE).spec.id);
    expect(ids.filter((id) => id === 'e2').length).toBeGreaterThan(185);
    const { drew } = picker.preview!(NONE, seededRandom(2));
    expect(drew).toHaveLength(16);
  });

  it('what its preview says, of those that it says it drew', () => {
    const all = endpointsOf([1, 3], [2, 1], [3, 2], [1, 0]);
    const picker = pickerOf(leastRequest(), all);
    for (let seed = 1; seed <= 50; seed++) {
      const { endpoint, drew } = picker.preview!({ ...NONE, tried: [all[3]!] }, seededRandom(seed));
      expect(drew).toHaveLength(2);
      expect(drew[0]).not.toBe(drew[1]);
      expect(drew).toContain(endpoint);
      expect(drew).not.toContain(all[3]);
    }
    expect(picker.describe!(all[2]!, NONE)).toEqual({ cost: 2 / 3, parts: { inflight: 2, weight: 3 } });
  });
});

describe('a bound of loads', () => {
  const roomsOf = (ratio: number, ...all: (readonly [weight: number, inflight: number])[]): boolean[] => {
    const endpoints = endpointsOf(...all);
    const bound = new BoundedLoad(ratio);
    bound.update(endpoints);
    return endpoints.map((endpoint) => bound.hasRoom(endpoint));
  };

  it('is the ratio times the mean with the call counted, rounded up', () => {
    // 4 calls and this one on 4: a mean of 1.25.
    expect(roomsOf(1, [1, 2], [1, 1], [1, 1], [1, 0])).toEqual([false, true, true, true]);
    expect(roomsOf(2, [1, 3], [1, 2], [1, 0], [1, 0])).toEqual([false, true, true, true]);
    // Exactly one each, whatever doubles make of it.
    expect(roomsOf(1.1, ...Array.from({ length: 11 }, (_, i) => [1, i < 9 ? 1 : 0] as const))).toEqual(
      Array.from({ length: 11 }, (_, i) => i >= 9),
    );
  });

  it('goes by weight', () => {
    // 7 calls and this one, by weights of 4: 2 for each unit.
    expect(roomsOf(1, [3, 5], [1, 2])).toEqual([true, false]);
    expect(roomsOf(1, [3, 6], [1, 1])).toEqual([false, true]);
  });

  it('counts the calls that it is told of, and all others as of the last round of picks', () => {
    const endpoints = endpointsOf([1, 0], [1, 0]);
    const [one, other] = endpoints as [LiveEndpoint, LiveEndpoint];
    const bound = new BoundedLoad(1);
    bound.update(endpoints);
    expect(bound.hasRoom(one)).toBe(true);
    // A pick is counted before its call begins.
    bound.began();
    one.begin();
    // 1 call and the next: one each.
    expect([one, other].map((each) => bound.hasRoom(each))).toEqual([false, true]);
    bound.began();
    other.begin();
    // 2 calls and the next: two each.
    expect([one, other].map((each) => bound.hasRoom(each))).toEqual([true, true]);
    other.end(Outcome.Success);
    bound.ended(other);
    expect([one, other].map((each) => bound.hasRoom(each))).toEqual([false, true]);
    // Three that began elsewhere: found out by the picks that follow.
    for (let call = 0; call < 3; call++) other.begin();
    expect(bound.hasRoom(one)).toBe(false);
    bound.began();
    bound.began();
    expect(bound.hasRoom(one)).toBe(true);
  });

  it('is looked at by a preview without a call', () => {
    const all = endpointsOf([1, 0], [1, 0], [1, 0]);
    const picker = pickerOf(consistentHash({ maxLoadRatio: 1 }), all);
    const request = { ...NONE, key: 'ada' };
    const { endpoint } = picker.preview!(request, seededRandom(1));
    for (let i = 0; i < 5; i++) expect(picker.preview!(request, seededRandom(1)).endpoint).toBe(endpoint);
    expect(picker.pick(request)).toBe(endpoint);
    (endpoint as LiveEndpoint).begin();
    expect(picker.describe!(endpoint, request).parts).toMatchObject({ inflight: 1, room: 0, share: 1 });
    expect(picker.pick(request)).not.toBe(endpoint);
  });
});
