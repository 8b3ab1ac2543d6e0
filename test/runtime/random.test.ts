import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../src/runtime/random.js';

describe('random', () => {
  it('repeats itself from the same seed and not from another', () => {
    const draws = (seed: number): number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 10 }, () => random.below(1_000_000));
    };
    expect(draws(5)).toEqual(draws(5));
    expect(draws(5)).not.toEqual(draws(6));
    expect(draws(0)).not.toEqual(Array(10).fill(0));
  });

  it('draws integers below the bound uniformly: chi-square under its 99.9 % point for 9 degrees of freedom', () => {
    const random = seededRandom(42);
    const counts = new Array<number>(10).fill(0);
    const draws = 100_000;
    for (let i = 0; i < draws; i++) counts[random.below(10)]!++;
    const expected = draws / 10;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(chiSquare).toBeLessThan(27.88);
  });

  it('stays inside [0, 1) and [0, bound) at the edges', () => {
    const random = systemRandom();
    for (let i = 0; i < 10_000; i++) {
      expect(random.below(1)).toBe(0);
      expect(random.below(2 ** 30)).toBeLessThan(2 ** 30);
      expect(random.float()).toBeLessThan(1);
    }
  });
});
