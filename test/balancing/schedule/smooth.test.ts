import { Outcome } from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { smoothSchedule } from '../../../src/balancing/schedule/smooth.js';
import { testMesh } from '../../support/mesh.js';

const turns = (weights: readonly number[], count: number): string => {
  const schedule = smoothSchedule(weights, 0)!;
  return Array.from({ length: count }, () => 'abcdefgh'[schedule.next()]).join(' ');
};

describe('the smooth schedule', () => {
  it('gives the sequence of nginx for weights 5, 1, 1: a a b a c a a', () => {
    expect(turns([5, 1, 1], 7)).toBe('a a b a c a a');
    expect(turns([5, 1, 1], 14)).toBe('a a b a c a a a a b a c a a');
  });

  it('takes turns where weights are equal, and reduces weights by their common divisor', () => {
    expect(turns([3, 3, 3], 6)).toBe('a b c a b c');
    expect(turns([500, 100, 100], 7)).toBe('a a b a c a a');
  });

  it('gives every index exactly its weight in each cycle, and never lets one wait longer than fair', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }), (weights) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const schedule = smoothSchedule(weights, 0)!;
        const counts = new Array<number>(weights.length).fill(0);
        for (let turn = 1; turn <= total; turn++) {
          counts[schedule.next()]!++;
          for (const [index, weight] of weights.entries()) {
            // By any turn an index is within a turn of its share.
            expect(Math.abs(counts[index]! - (weight * turn) / total)).toBeLessThanOrEqual(1);
          }
        }
        expect(counts).toEqual(weights);
      }),
    );
  });

  it('has no cycle for weights that hundredths would change', () => {
    expect(smoothSchedule([0.001, 0.999], 0)).toBeUndefined();
    expect(smoothSchedule([0.3, 0.7, 0.004], 0)).toBeUndefined();
  });

  it('has a cycle for the fractional weights of slow start, and none where it would be too long to lay out', () => {
    expect(turns([1, 0.5], 6)).toBe('a b a a b a');
    expect(
      smoothSchedule(
        Array.from({ length: 2_000 }, (_, i) => 1 + i),
        0,
      ),
    ).toBeUndefined();
  });
});

describe('weighted_round_robin', () => {
  it('follows it call by call', () => {
    const users = ['a', 'b', 'c'].map((id, i) => ({ id, host: '127.0.0.1', port: 1 + i, weight: id === 'a' ? 5 : 1 }));
    const service = testMesh({ users }).mesh.service('users', { policy: 'weighted_round_robin' });
    const order = Array.from({ length: 7 }, () => {
      const lease = service.acquire();
      lease.done(Outcome.Success);
      return lease.endpoint.spec.id;
    });
    expect(order.join(' ')).toBe('a a b a c a a');
  });
});
