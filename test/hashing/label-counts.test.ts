import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labelCounts } from '../../src/hashing/label-counts.js';

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

describe('labels per server', () => {
  it('are 40 for the median weight, and in proportion for others', () => {
    expect(labelCounts([1, 2, 2, 5], 40, 'none')).toEqual([20, 40, 40, 100]);
  });

  it('follow a weight of a thousand times the others without a ring that grows with it', () => {
    const [light, heavy] = labelCounts([1, 1_000], 40, 'none') as [number, number];
    expect(heavy / light).toBeGreaterThan(150);
    expect(heavy).toBeLessThan(4 * 40 * 2 + 1);
    expect(labelCounts([...new Array<number>(99).fill(1), 100], 40, 'none')).toEqual([
      ...new Array<number>(99).fill(40),
      4_000,
    ]);
  });

  it('are at least one, and four times the usual number in the mean at most, whatever the weights', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-6, max: 65_535, noNaN: true }), { minLength: 1, maxLength: 50 }),
        (weights) => {
          const counts = labelCounts(weights, 40, 'none');
          expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
          expect(sum(counts)).toBeLessThanOrEqual((4 * 40 + 1.5) * weights.length);
        },
      ),
    );
  });

  it('stay for those that stay when others come and go, while the median does', () => {
    expect(labelCounts([1, 2, 2, 2, 3], 40, 'none').slice(1)).toEqual(labelCounts([2, 2, 2, 3], 40, 'none'));
  });
});
