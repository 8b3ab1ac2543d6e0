import { type AdaptiveWeightOptions, adaptiveWeight, type Endpoint, Outcome, type Picker } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';

const NONE = { key: undefined, tried: undefined, nowMs: 0 };

function start(weights: readonly number[], options: AdaptiveWeightOptions = {}) {
  const all = fakeEndpoints(weights.length, (i) => ({ weight: weights[i]! })).map(
    (spec, ordinal) => new LiveEndpoint(spec, ordinal),
  );
  const context = { random: seededRandom(1), clock: new ManualClock(), service: 'users' };
  const picker = adaptiveWeight(options).create(context as never);
  const use = (ready: readonly Endpoint[], members: readonly Endpoint[] = all): void =>
    picker.update({ ready, members, panic: false });
  use(all);
  const answer = (at: number, latencyMs: number, nowMs: number, outcome: Outcome = Outcome.Success): void =>
    picker.observe!(all[at]!, outcome, latencyMs, nowMs);
  const parts = (at: number) => picker.describe!(all[at]!, NONE).parts as Record<string, number>;
  const factors = (): number[] => all.map((_, at) => parts(at).factor!);
  return { all, picker: picker as Picker, use, answer, parts, factors };
}

describe('the mean response time of an endpoint', () => {
  it('begins with its first answer, and decays towards the later ones', () => {
    const { answer, parts } = start([1, 1], { decayMs: 1_000 });
    expect(parts(0).meanMs).toBeNaN();
    answer(0, 100, 500);
    expect(parts(0).meanMs).toBe(100);
    answer(0, 20, 1_000);
    const keep = Math.exp(-0.5);
    expect(parts(0).meanMs).toBeCloseTo(100 * keep + 20 * (1 - keep), 10);
    expect(parts(1).meanMs).toBeNaN();
  });

  it.each([
    [Outcome.Success, true],
    [Outcome.ApplicationError, true],
    [Outcome.Timeout, true],
    [Outcome.Failure, false],
    [Outcome.ConnectFailure, false],
    [Outcome.Overloaded, false],
    [Outcome.Cancelled, false],
  ])('hears of outcome %i: %s', (outcome, isHeard) => {
    const { answer, parts } = start([1]);
    answer(0, 70, 0, outcome);
    expect(parts(0).meanMs === 70).toBe(isHeard);
  });

  it('stays with it while it is out, and is nobody else’s once it is gone', () => {
    const { all, use, answer, parts } = start([1, 1, 1]);
    answer(0, 10, 0);
    answer(1, 70, 0);
    use([all[0]!, all[2]!]);
    use(all);
    expect([parts(0).meanMs, parts(1).meanMs]).toEqual([10, 70]);
    const others = [all[0]!, all[2]!];
    use(others, others);
    // Not among them: nothing is learnt of it.
    answer(1, 5, 10);
    use(all);
    expect([parts(0).meanMs, parts(1).meanMs, parts(2).meanMs]).toEqual([10, Number.NaN, Number.NaN]);
  });
});

describe('the factor of a weight', () => {
  it('goes three tenths of the way to how fast it is beside the geometric mean, once a second', () => {
    const { answer, factors } = start([1, 1]);
    answer(0, 10, 0);
    answer(1, 40, 500);
    answer(1, 40, 999);
    expect(factors()).toEqual([1, 1]);
    answer(1, 40, 1_000);
    expect(factors()[0]).toBeCloseTo(1 + 0.3 * (2 - 1), 10);
    expect(factors()[1]).toBeCloseTo(1 + 0.3 * (0.5 - 1), 10);
    answer(1, 40, 1_999);
    expect(factors()[0]).toBeCloseTo(1.3, 10);
    answer(1, 40, 2_000);
    expect(factors()[0]).toBeCloseTo(1.3 + 0.3 * (2 - 1.3), 10);
  });

  it('goes nowhere beyond the ratio that it may have, either way', () => {
    const { answer, factors } = start([1, 1], { maxRatio: 2, updateMs: 10 });
    answer(0, 1, 0);
    for (let turn = 1; turn <= 100; turn++) answer(1, 100, turn * 10);
    expect(factors()[0]).toBeCloseTo(2, 5);
    expect(factors()[1]).toBeCloseTo(0.5, 5);
  });

  it('stays with one that has not answered, and falls with the share of calls that failed', () => {
    const { all, answer, factors } = start([1, 1]);
    answer(0, 30, 0);
    all[0]!.failureRatio = 0.5;
    answer(0, 30, 1_000);
    expect(factors()[0]).toBeCloseTo(1 + 0.3 * (0.5 - 1), 10);
    expect(factors()[1]).toBe(1);
    // Nobody has answered: all are as fast as each other.
    const silent = start([1, 1]);
    silent.answer(0, 30, 0, Outcome.Failure);
    silent.answer(0, 30, 1_000, Outcome.Failure);
    expect(silent.factors()).toEqual([1, 1]);
  });

  it('is computed among those that may be picked alone', () => {
    const { all, use, answer, factors } = start([1, 1, 1]);
    answer(0, 10, 0);
    answer(1, 40, 0);
    answer(2, 1_000, 0);
    use([all[0]!, all[1]!]);
    answer(0, 10, 1_000);
    expect(factors()[0]).toBeCloseTo(1.3, 10);
    expect(factors()[2]).toBe(1);
  });

  it('multiplies the weight in use, and calls go by what comes out', () => {
    const { all, picker, answer, parts } = start([3, 1]);
    all[0]!.warmth = 0.5;
    all[0]!.updateWeight();
    answer(0, 10, 0);
    answer(1, 40, 1_000);
    expect(parts(0)).toMatchObject({ weight: 1.5, effective: expect.closeTo(1.5 * 1.3, 10) });
    expect(parts(1).effective).toBeCloseTo(0.85, 10);
    const random = seededRandom(4);
    let first = 0;
    for (let draw = 0; draw < 2_000; draw++) {
      const { endpoint, drew } = picker.preview!(NONE, random);
      expect(drew).toEqual([endpoint]);
      if (endpoint === all[0]) first++;
    }
    expect(first / 2_000).toBeCloseTo(1.95 / (1.95 + 0.85), 1);
    expect(picker.pick({ ...NONE, tried: [all[0]!] })).toBe(all[1]);
    expect(picker.preview!({ ...NONE, tried: [all[1]!] }, random).endpoint).toBe(all[0]);
  });
});

describe('by fixed thresholds', () => {
  it.each([
    [100, 2],
    [101, 1],
    [200, 1],
    [201, 0.5],
  ])('a mean of %i ms makes the factor %d at once', (ms, factor) => {
    const { answer, factors } = start([4, 4], { thresholds: true });
    answer(0, ms, 0);
    expect(factors()).toEqual([factor, 1]);
  });

  it('the weight is never below 1, before slow start', () => {
    const { all, use, answer, parts } = start([1, 3, 4], { thresholds: true });
    for (const at of [0, 1, 2]) answer(at, 500, at);
    answer(2, 500, 1_000);
    expect([parts(0).effective, parts(1).effective, parts(2).effective]).toEqual([1, 1.5, 2]);
    all[2]!.warmth = 0.25;
    all[2]!.updateWeight();
    use(all);
    expect(parts(2).effective).toBe(0.5);
  });
});
