import { GradientLimit, type GradientLimitOptions } from 'fairlead/resilience';
import { describe, expect, it } from 'vitest';

const OPTIONS: GradientLimitOptions = { initial: 100, min: 1, max: 1_000, smoothing: 1, queueSize: 4, tolerance: 2 };
const fed = (responses: readonly number[], inflight: number, options: GradientLimitOptions = {}): GradientLimit => {
  const limit = new GradientLimit({ ...OPTIONS, ...options });
  for (const ms of responses) limit.sample(ms, inflight);
  return limit;
};

describe('a limit by the gradient', () => {
  it('grows by the queue while calls take what they do', () => {
    expect(fed([10], 100).limit).toBe(104);
    expect(fed([10, 10, 10], 110).limit).toBe(112);
  });

  it('shrinks with the ratio of the long time to the latest, by half at most', () => {
    // Long: (10 + 50) / 2 = 30; 2 · 30 / 50 is above 1.
    expect(fed([10, 50], 110).limit).toBe(108);
    // Long: (10 + 70) / 2 = 40, times the tolerance of 1, by 70.
    expect(fed([10, 70], 110, { tolerance: 1 }).limit).toBe(Math.floor((104 * 40) / 70 + 4));
    expect(fed([10, ...Array(8).fill(10), 10_000], 1_000, { tolerance: 1, queueSize: 0 }).limit).toBe(50);
  });

  it('stays where less than half of it is used, and learns all the same', () => {
    const limit = fed([10, 30], 49);
    expect([limit.limit, limit.longMs]).toEqual([100, 20]);
    expect(fed([10], 50).limit).toBe(104);
  });

  it('takes off a tenth when it was too much, and never leaves its bounds', () => {
    const limit = fed([], 0, { min: 85 });
    limit.overloaded();
    expect(limit.limit).toBe(90);
    limit.overloaded();
    expect(limit.limit).toBe(85);
    expect(fed(Array(500).fill(10), 1_000, { max: 120 }).limit).toBe(120);
  });

  it('averages the first ten plainly, and then by their weight in the long window', () => {
    expect(fed([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0).longMs).toBe(5.5);
    expect(fed([...Array(10).fill(10), 20], 0, { longWindow: 19 }).longMs).toBe(11);
  });

  it('comes down faster where the latest takes less than half', () => {
    expect(fed([...Array(10).fill(10), 5], 0, { longWindow: 19 }).longMs).toBe(9.5);
    expect(fed([...Array(10).fill(10), 1], 0, { longWindow: 19 }).longMs).toBeCloseTo(9.1 * 0.95, 9);
  });

  it('bears a call that took no time', () => {
    expect(fed([0, 0, 0], 200).limit).toBe(112);
  });

  it('begins within its bounds, and refuses bounds that cross', () => {
    expect(new GradientLimit({ initial: 5 }).limit).toBe(20);
    expect(new GradientLimit({ initial: 500 }).limit).toBe(200);
    expect(new GradientLimit({ max: 10 }).limit).toBe(10);
    expect(() => new GradientLimit({ min: 30, max: 20 })).toThrow(
      expect.objectContaining({
        code: 'FAIRLEAD_INVALID_OPTION',
        message: 'adaptive.min is 30, more than max, 20.',
      }),
    );
  });
});
