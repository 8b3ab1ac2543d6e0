import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { judge, median, medianInterval } from '../../bench/runner/statistics.js';

describe('the interval of a median', () => {
  it('holds the true median in 95 of 100 samples', () => {
    const random = seededRandom(7);
    let held = 0;
    for (let sample = 0; sample < 300; sample++) {
      // The sum of some uniform numbers is nearly normal, with the median 6.
      const values = Array.from({ length: 40 }, () =>
        Array.from({ length: 12 }, () => random.float()).reduce((sum, each) => sum + each, 0),
      );
      const { low, high } = medianInterval(values, random);
      if (low <= 6 && 6 <= high) held++;
      expect(low).toBeLessThanOrEqual(median(values));
      expect(high).toBeGreaterThanOrEqual(median(values));
    }
    expect(held / 300).toBeGreaterThan(0.92);
    expect(held / 300).toBeLessThan(0.99);
  }, 60_000);

  it('is a point where all values are equal', () => {
    expect(medianInterval([2, 2, 2], seededRandom(1))).toEqual({ low: 2, high: 2 });
    expect(median([1, 2, 3, 4])).toBe(2.5);
  });
});

describe('the verdict on a ratio', () => {
  const control = { low: 0.98, high: 1.025 };

  it.each([
    ['well below the target', { low: 0.8, high: 0.85 }, 1.02, 'met'],
    ['well above it', { low: 1.1, high: 1.2 }, 1.02, 'missed'],
    ['within what the control strays', { low: 0.99, high: 1.01 }, 1.02, 'cannot tell'],
    ['just above it, within the control', { low: 1.021, high: 1.03 }, 1.02, 'cannot tell'],
    ['on both sides of it', { low: 1, high: 1.04 }, 1.02, 'cannot tell'],
    ['below a target outside the control', { low: 0.99, high: 1.01 }, 1.1, 'met'],
  ] as const)('says of one %s: %s at most %s is %s', (_, ratio, target, verdict) => {
    expect(judge(ratio, control, target)).toBe(verdict);
  });

  it.each([
    ['below 1 and the control', { low: 0.9, high: 0.95 }, 'lower'],
    ['above both', { low: 1.03, high: 1.1 }, 'higher'],
    ['within the control', { low: 1.001, high: 1.02 }, 'cannot tell'],
  ] as const)('without a target says of one %s: %s is %s', (_, ratio, verdict) => {
    expect(judge(ratio, control, undefined)).toBe(verdict);
  });
});
