import { seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EdfSchedule } from '../../../src/balancing/schedule/edf.js';
import { dueSchedule, GroupedSchedule } from '../../../src/balancing/schedule/grouped.js';

describe('a schedule by deadlines', () => {
  it('has one heap entry per weight where many share a weight, and one per index where they do not', () => {
    const shared = Array.from({ length: 100 }, (_, i) => 1 + (i % 7));
    const distinct = Array.from({ length: 100 }, (_, i) => 1 + i);
    expect(dueSchedule(shared, seededRandom(1))).toBeInstanceOf(GroupedSchedule);
    expect(dueSchedule(distinct, seededRandom(1))).toBeInstanceOf(EdfSchedule);
  });

  it('gives every index its share to within two turns over any number of cycles, grouped or not', () => {
    const weights = fc.array(fc.constantFrom(1, 2, 5, 7), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 5 }), fc.nat(), (each, cycles, seed) => {
        const schedule = dueSchedule(each, seededRandom(seed));
        const counts = new Array<number>(each.length).fill(0);
        const total = each.reduce((sum, weight) => sum + weight, 0);
        for (let turn = 0; turn < total * cycles; turn++) counts[schedule.next()]!++;
        for (const [index, weight] of each.entries()) {
          expect(Math.abs(counts[index]! - weight * cycles)).toBeLessThanOrEqual(2);
        }
      }),
    );
  });

  it('spreads the turns of an index out: none waits longer than twice its period', () => {
    const weights = Array.from({ length: 70 }, (_, i) => 1 + (i % 7));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const schedule = dueSchedule(weights, seededRandom(3));
    const last = new Map<number, number>();
    for (let turn = 0; turn < total * 20; turn++) {
      const index = schedule.next();
      const waited = turn - (last.get(index) ?? turn);
      expect(waited).toBeLessThanOrEqual((2 * total) / weights[index]!);
      last.set(index, turn);
    }
    expect(last.size).toBe(70);
  });
});
