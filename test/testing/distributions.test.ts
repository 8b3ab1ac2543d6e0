import { constant, exponential, lognormal, normal, seededRandom, uniform } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

const draws = (distribution: (random: never) => number, count = 20_000): number[] => {
  const random = seededRandom(7);
  return Array.from({ length: count }, () => distribution(random as never)).sort((a, b) => a - b);
};
const meanOf = (all: readonly number[]): number => all.reduce((sum, each) => sum + each, 0) / all.length;
const deviationOf = (all: readonly number[]): number => {
  const mean = meanOf(all);
  return Math.sqrt(meanOf(all.map((each) => (each - mean) ** 2)));
};

describe('a distribution', () => {
  it('that is constant is always the same', () => {
    expect(new Set(draws(constant(5)))).toEqual(new Set([5]));
  });

  it('that is uniform lies between its ends, and everywhere there alike', () => {
    const all = draws(uniform(10, 30));
    expect(all[0]).toBeGreaterThanOrEqual(10);
    expect(all.at(-1)).toBeLessThan(30);
    for (const share of [0.25, 0.5, 0.75]) expect(all[share * all.length]).toBeCloseTo(10 + 20 * share, 0);
    expect(new Set(draws(uniform(4, 4)))).toEqual(new Set([4]));
  });

  it('that is normal has its mean and its deviation, and never less than 0', () => {
    const all = draws(normal(100, 10));
    expect(meanOf(all)).toBeCloseTo(100, 0);
    expect(deviationOf(all)).toBeCloseTo(10, 0);
    expect(draws(normal(1, 10))[0]).toBe(0);
  });

  it('that is exponential has its mean for its deviation, and a median of ln 2 of it', () => {
    const all = draws(exponential(100));
    expect(meanOf(all) / 100).toBeCloseTo(1, 1);
    expect(deviationOf(all) / 100).toBeCloseTo(1, 1);
    expect(all[all.length / 2]! / 100).toBeCloseTo(Math.LN2, 1);
  });

  it('that is lognormal has its median, and a tail as its sigma says', () => {
    const all = draws(lognormal(100, 0.5));
    expect(all[all.length / 2]! / 100).toBeCloseTo(1, 1);
    expect(all[0.99 * all.length]! / 100).toBeCloseTo(3.2, 0);
  });

  it.each<[string, () => unknown]>([
    ['constant', () => constant(-1)],
    ['uniform from', () => uniform(-1, 5)],
    ['uniform to', () => uniform(5, 4)],
    ['normal mean', () => normal(Number.NaN, 1)],
    ['normal deviation', () => normal(1, -1)],
    ['exponential mean', () => exponential(Number.POSITIVE_INFINITY)],
    ['lognormal median', () => lognormal(-1, 1)],
    ['lognormal sigma', () => lognormal(1, -1)],
  ])('is refused by name: %s', (name, make) => {
    expect(make).toThrow(new RegExp(`^${name} is .*: allowed is a number from`));
  });
});
