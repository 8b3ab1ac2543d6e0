import { type Endpoint, type Picker, roundRobin, weightedRoundRobin } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { EdfSchedule } from '../../src/balancing/schedule/edf.js';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';

const endpointsOf = (...weights: number[]): LiveEndpoint[] =>
  fakeEndpoints(weights.length, (i) => ({ weight: weights[i]! })).map((spec) => new LiveEndpoint(spec));

function pickerOf(policy: { create: (context: never) => Picker }, ready: readonly Endpoint[], seed = 1): Picker {
  const picker = policy.create({ random: seededRandom(seed), clock: new ManualClock(), service: 'users' } as never);
  picker.update({ ready, members: ready, panic: false });
  return picker;
}

const pick = (picker: Picker, tried?: readonly Endpoint[]): string =>
  picker.pick({ key: undefined, tried, nowMs: Number.NaN }).spec.id;
const picks = (picker: Picker, count: number): string[] => Array.from({ length: count }, () => pick(picker));
const warm = (endpoint: LiveEndpoint, to: number): void => {
  endpoint.warmth = to;
  endpoint.updateWeight();
};

describe('round_robin', () => {
  it('begins anywhere, and then takes all in turn', () => {
    const begun = new Set<string>();
    for (let seed = 1; seed <= 40; seed++) {
      const [first, ...rest] = picks(pickerOf(roundRobin(), endpointsOf(1, 9, 1), seed), 6);
      begun.add(first!);
      const at = Number(first!.slice(1));
      expect(rest).toEqual([1, 2, 3, 4, 5].map((step) => `e${(at + step) % 3}`));
    }
    expect(begun.size).toBe(3);
  });

  it('goes on after the one that had the last turn, where the list is another', () => {
    const all = endpointsOf(1, 1, 1, 1);
    const picker = pickerOf(roundRobin(), all);
    while (pick(picker) !== 'e1');
    const ready = [all[3]!, all[1]!, all[0]!];
    picker.update({ ready, members: all, panic: false });
    expect(picks(picker, 4)).toEqual(['e0', 'e3', 'e1', 'e0']);
    while (pick(picker) !== 'e0');
    // The last one is gone: the place in the list stays.
    picker.update({ ready: [all[3]!, all[1]!], members: all, panic: false });
    expect(picks(picker, 2).sort()).toEqual(['e1', 'e3']);
  });

  it('gives one in slow start as many turns as it has of its weight, spread evenly', () => {
    const all = endpointsOf(8, 8, 8);
    warm(all[1]!, 0.25);
    const taken = picks(pickerOf(roundRobin(), all), 900);
    expect(taken.filter((id) => id === 'e1')).toHaveLength(100);
    const gaps = taken.flatMap((id, i) => (id === 'e1' ? [i] : [])).map((at, i, places) => at - (places[i - 1] ?? at));
    expect(new Set(gaps.slice(1))).toEqual(new Set([9]));
  });

  it('measures by the one that takes the most, where all are in slow start', () => {
    const all = endpointsOf(8, 8);
    warm(all[0]!, 0.5);
    warm(all[1]!, 0.25);
    const taken = picks(pickerOf(roundRobin(), all), 300);
    expect(taken.filter((id) => id === 'e1')).toHaveLength(100);
    warm(all[0]!, 0.25);
    const picker = pickerOf(roundRobin(), all);
    expect(new Set(picks(picker, 2)).size).toBe(2);
  });

  it('passes those that were tried, and takes the next where all were', () => {
    const all = endpointsOf(1, 1, 1);
    const picker = pickerOf(roundRobin(), all);
    while (pick(picker) !== 'e2');
    expect(pick(picker, [all[0]!, all[1]!])).toBe('e2');
    expect(pick(picker, all)).toBe('e0');
  });

  it('says how many turns come before, and what share it takes of its own', () => {
    const all = endpointsOf(4, 4, 4);
    warm(all[2]!, 0.5);
    const picker = pickerOf(roundRobin(), all);
    while (pick(picker) !== 'e0');
    expect(all.map((endpoint) => picker.describe!(endpoint, {} as never).parts)).toEqual([
      { turns: 2, share: 1 },
      { turns: 0, share: 1 },
      { turns: 1, share: 0.5 },
    ]);
  });
});

describe('weighted_round_robin', () => {
  it('goes on where it was in its cycle, where the weights are others', () => {
    const all = endpointsOf(1, 1, 1, 1);
    const picker = pickerOf(weightedRoundRobin(), all);
    expect(picks(picker, 2)).toEqual(['e0', 'e1']);
    picker.update({ ready: [...all], members: all, panic: false });
    expect(picks(picker, 4)).toEqual(['e2', 'e3', 'e0', 'e1']);
  });

  it.each<[string, number[]]>([
    ['of a cycle that is laid out', [5, 1, 1, 1]],
    ['by deadlines', [65_521, 9_973, 9_967, 9_949]],
  ])('passes those that were tried, and looks through the list after sixteen turns: %s', (_, weights) => {
    const all = endpointsOf(...weights);
    const picker = pickerOf(weightedRoundRobin(), all);
    for (let i = 0; i < 50; i++) expect(pick(picker, [all[0]!, all[1]!, all[3]!])).toBe('e2');
    expect(['e0', 'e1', 'e2', 'e3']).toContain(pick(picker, all));
  });

  it('says the weight that turns go by', () => {
    const all = endpointsOf(4, 2);
    warm(all[0]!, 0.5);
    const picker = pickerOf(weightedRoundRobin(), all);
    expect(all.map((endpoint) => picker.describe!(endpoint, {} as never).parts)).toEqual([
      { weight: 2, scheduled: 2 },
      { weight: 2, scheduled: 2 },
    ]);
  });
});

describe('a preview of whose turn it is', () => {
  it.each<[string, () => { create: (context: never) => Picker }, number[]]>([
    ['round_robin', roundRobin, [1, 1, 1]],
    ['weighted_round_robin, laid out', weightedRoundRobin, [1, 2, 3]],
    ['weighted_round_robin, by deadlines', weightedRoundRobin, [65_521, 9_973, 65_519]],
    [
      'weighted_round_robin, by deadlines of groups',
      weightedRoundRobin,
      [...Array(40).keys()].map((i) => 65_521 - (i % 2)),
    ],
  ])('is what the next pick takes, and takes no turn: %s', (_, make, weights) => {
    const all = endpointsOf(...weights);
    const picker = pickerOf(make(), all);
    const random = seededRandom(3);
    for (let i = 0; i < 60; i++) {
      const tried = i % 5 === 0 ? [all[i % all.length]!] : undefined;
      const request = { key: undefined, tried, nowMs: Number.NaN };
      const { endpoint, drew } = picker.preview!(request, random);
      expect(picker.preview!(request, random).endpoint).toBe(endpoint);
      expect(drew).toEqual([endpoint]);
      expect(picker.pick(request)).toBe(endpoint);
    }
  });
});

describe('deadlines', () => {
  it('come up in proportion to weights, each within a turn of its share at any time', () => {
    const weights = [1, 2, 4, 9];
    const total = 16;
    const schedule = new EdfSchedule(weights, seededRandom(4));
    const taken = [0, 0, 0, 0];
    for (let turn = 1; turn <= 40 * total; turn++) {
      const index = schedule.next();
      taken[index] = taken[index]! + 1;
      for (const [i, weight] of weights.entries())
        expect(Math.abs(taken[i]! - (turn * weight) / total)).toBeLessThan(2);
    }
  });

  it('come up in the order of their times, each again after its period', () => {
    const draws = seededRandom(8);
    for (let count = 1; count <= 9; count++) {
      const weights = Array.from({ length: count }, () => 1 + draws.below(7));
      const schedule = new EdfSchedule(weights, seededRandom(count));
      const random = seededRandom(count);
      const due = weights.map((weight) => random.float() / weight);
      const copies = [schedule];
      for (let turn = 0; turn < 60; turn++) {
        const first = due.indexOf(Math.min(...due));
        due[first] = due[first]! + 1 / weights[first]!;
        for (const each of copies) expect(each.next()).toBe(first);
        if (turn === 20) copies.push(schedule.copy() as EdfSchedule);
      }
    }
  });

  it('of equal weights come up in another order for another client', () => {
    const order = (seed: number): string => {
      const schedule = new EdfSchedule([1, 1, 1, 1, 1], seededRandom(seed));
      return Array.from({ length: 5 }, () => schedule.next()).join('');
    };
    const orders = new Set(Array.from({ length: 20 }, (_, seed) => order(seed + 1)));
    expect(orders.size).toBeGreaterThan(10);
    for (const each of orders) expect([...each].sort().join('')).toBe('01234');
  });
});
