import type { Endpoint } from 'fairlead';
import { fakeEndpoints, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { Oddities } from '../../src/balancing/oddities.js';
import { WeightedSampler } from '../../src/balancing/weighted-sampler.js';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';

const WHOLE = 2 ** 30;
const STRATA = 500;

const endpointsOf = (...weights: number[]): LiveEndpoint[] =>
  fakeEndpoints(weights.length, (i) => ({ weight: weights[i]! })).map((spec) => new LiveEndpoint(spec));

/** Draws what it is told to, in turn; the last for ever. */
function scripted(...draws: number[]) {
  const asked: number[] = [];
  let at = 0;
  return {
    asked,
    below: (bound: number) => {
      asked.push(bound);
      return draws[Math.min(at++, draws.length - 1)]!;
    },
    float: () => 0,
  };
}

/** The share of each, exact to a stratum: every column with evenly spaced draws within it. */
function shares(sampler: (random: ReturnType<typeof scripted>) => WeightedSampler, count: number): number[] {
  const drawn = new Map<Endpoint, number>();
  let endpoints: readonly Endpoint[] = [];
  for (let column = 0; column < count; column++) {
    for (let stratum = 0; stratum < STRATA; stratum++) {
      const made = sampler(scripted(column, Math.floor(((stratum + 0.5) / STRATA) * WHOLE)));
      endpoints = made.endpoints;
      const endpoint = made.draw();
      drawn.set(endpoint, (drawn.get(endpoint) ?? 0) + 1 / (count * STRATA));
    }
  }
  return endpoints.map((endpoint) => drawn.get(endpoint) ?? 0);
}

describe('a draw by weight', () => {
  it.each([
    [[1, 2, 3, 6]],
    [[6, 3, 2, 1]],
    [[1, 1, 1, 1]],
    [[1, 1, 1, 5]],
    [[10, 1, 10, 1, 1]],
    [[0.25, 0.5, 0.25]],
    [[7]],
  ])('has the shares of %j', (weights) => {
    const all = endpointsOf(...weights);
    const total = weights.reduce((sum, weight) => sum + weight);
    const ours = shares((random) => {
      const sampler = new WeightedSampler(random);
      sampler.update(all);
      return sampler;
    }, weights.length);
    for (const [i, share] of ours.entries()) expect(share).toBeCloseTo(weights[i]! / total, 2);
  });

  it('has those of other weights than the endpoints have, and of others again', () => {
    const all = endpointsOf(1, 1, 1);
    const by = (...weights: number[]) =>
      shares((random) => {
        const sampler = new WeightedSampler(random);
        sampler.update(all, Float64Array.of(1, 2, 1));
        sampler.reweigh(Float64Array.from(weights));
        return sampler;
      }, 3);
    for (const weights of [
      [1, 0, 3],
      [2, 1, 1],
      [1, 1, 1],
    ]) {
      const total = weights.reduce((sum, weight) => sum + weight);
      for (const [i, share] of by(...weights).entries()) expect(share).toBeCloseTo(weights[i]! / total, 2);
    }
  });

  it('takes one number where weights are equal, and two where they are not', () => {
    const [equal, unequal] = [scripted(0), scripted(0)];
    for (const [random, weights] of [
      [equal, [3, 3]],
      [unequal, [3, 2]],
    ] as const) {
      const sampler = new WeightedSampler(random);
      sampler.update(endpointsOf(...weights));
      sampler.draw();
    }
    expect(equal.asked).toEqual([2]);
    expect(unequal.asked).toEqual([2, WHOLE]);
  });

  it('knows the mean of the weights', () => {
    const sampler = new WeightedSampler(seededRandom(1));
    sampler.update(endpointsOf(1, 2, 6));
    expect(sampler.meanWeight).toBe(3);
    sampler.reweigh(Float64Array.of(1, 1, 1));
    expect(sampler.meanWeight).toBe(1);
  });

  it('from another stream draws the same, and counts nothing', () => {
    const oddities = new Oddities();
    const all = endpointsOf(1, 2, 9);
    const sampler = new WeightedSampler(seededRandom(5), oddities);
    sampler.update(all);
    const copy = sampler.over(seededRandom(5));
    expect([copy.meanWeight, copy.endpoints]).toEqual([4, all]);
    for (let i = 0; i < 50; i++) expect(copy.draw()).toBe(sampler.draw());
    copy.drawUntried(all);
    copy.drawOther(all[2]!, undefined);
    expect(oddities.read()).toEqual({ drewSame: 0, drewTried: 0, searched: 0, probing: null });
  });
});

describe('a draw of one that was not tried', () => {
  const start = (...draws: number[]) => {
    const oddities = new Oddities();
    const all = endpointsOf(1, 1, 1, 1);
    const sampler = new WeightedSampler(scripted(...draws), oddities);
    sampler.update(all);
    return { oddities, all, sampler };
  };

  it('is the first that is drawn, where nothing was tried', () => {
    const { all, sampler, oddities } = start(2);
    expect(sampler.drawUntried(undefined)).toBe(all[2]);
    expect(sampler.drawUntried([])).toBe(all[2]);
    expect(oddities.read()).toMatchObject({ drewTried: 0, searched: 0 });
  });

  it('draws anew, and counts how often', () => {
    const { all, sampler, oddities } = start(0, 1, 0, 3);
    expect(sampler.drawUntried([all[0]!, all[1]!])).toBe(all[3]);
    expect(oddities.read()).toMatchObject({ drewTried: 3, searched: 0 });
  });

  it('looks through the list after four draws in vain, from a place that is drawn', () => {
    const { all, sampler, oddities } = start(0, 0, 0, 0, 2);
    expect(sampler.drawUntried([all[0]!])).toBe(all[2]);
    expect(oddities.read()).toMatchObject({ drewTried: 4, searched: 1 });
    const wrapping = start(0, 0, 0, 0, 3);
    expect(wrapping.sampler.drawUntried([wrapping.all[3]!, wrapping.all[0]!])).toBe(wrapping.all[1]);
  });

  it('is any of them where all were tried', () => {
    const { all, sampler } = start(1);
    expect(sampler.drawUntried(all)).toBe(all[1]);
  });

  it('is another than the first of two, tried or not, where there is another', () => {
    const { all, sampler, oddities } = start(0, 0, 3);
    expect(sampler.drawOther(all[0]!, undefined)).toBe(all[3]);
    expect(oddities.read()).toMatchObject({ drewSame: 2, searched: 0 });
    const searching = start(0, 0, 0, 0, 0);
    expect(searching.sampler.drawOther(searching.all[0]!, [])).toBe(searching.all[1]);
    expect(searching.oddities.read()).toMatchObject({ drewSame: 4, searched: 1 });
  });

  it('is the first itself, where no other is left', () => {
    const { all, sampler } = start(1);
    expect(sampler.drawOther(all[0]!, [all[1]!, all[2]!, all[3]!])).toBe(all[0]);
    const alone = new WeightedSampler(seededRandom(1));
    const [one] = endpointsOf(1);
    alone.update([one!]);
    expect(alone.drawOther(one!, undefined)).toBe(one);
  });
});
