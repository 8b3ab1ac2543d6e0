import { fillMaglev } from 'fairlead/hashing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MaglevFiller, type MaglevId } from '../../src/hashing/maglev.js';
import { murmur3 } from '../../src/hashing/murmur3.js';
import { isPrime } from '../../src/hashing/prime.js';
import { finish } from '../../src/hashing/steps.js';
import { workMeter } from '../support/work.js';

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.0.0.${i}:80`);
const ones = (count: number): number[] => Array<number>(count).fill(1);
const entries = (table: Uint32Array, count: number): number[] => {
  const counts = Array<number>(count).fill(0);
  for (const owner of table) counts[owner]!++;
  return counts;
};

describe("Maglev's table", () => {
  it('has an owner for each entry, and shares that differ by one at most', () => {
    for (const [count, size] of [
      [1, 2],
      [2, 2],
      [3, 7],
      [7, 251],
      [251, 251],
    ] as const) {
      const counts = entries(fillMaglev(ids(count), ones(count), size), count);
      expect(counts.reduce((sum, each) => sum + each, 0)).toBe(size);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });

  it('gives the first of more ids than entries one each', () => {
    expect([...fillMaglev(ids(9), ones(9), 5)].sort()).toEqual([0, 1, 2, 3, 4]);
  });

  it('shares by weight, whatever its unit', () => {
    const counts = entries(fillMaglev(ids(3), [1, 2, 5], 8_009), 3);
    for (const [i, share] of [1, 2, 5].entries()) expect(counts[i]! / 8_009).toBeCloseTo(share / 8, 2);
    expect(fillMaglev(ids(3), [10, 20, 50], 8_009)).toEqual(fillMaglev(ids(3), [1, 2, 5], 8_009));
  });

  it('depends on who begins for few entries: those that both want', () => {
    const first = fillMaglev(['a', 'b'], [1, 1], 251);
    const other = fillMaglev(['b', 'a'], [1, 1], 251);
    const swapped = first.filter((owner, entry) => owner !== other[entry]).length;
    expect(swapped).toBeGreaterThan(200);
  });

  it('moves few entries between those that stay', () => {
    const size = 8_009;
    const before = fillMaglev(ids(10), ones(10), size);
    const after = fillMaglev(ids(9), ones(9), size);
    const moved = before.filter((owner, entry) => owner < 9 && owner !== after[entry]).length;
    expect(moved / size).toBeLessThan(0.1);
    expect(moved).toBeGreaterThan(0);
  });

  it('is the same for ever: tables of other versions place keys as well', () => {
    expect([...fillMaglev(['a', 'b', 'c'], [1, 1, 1], 13)]).toEqual([2, 1, 2, 1, 2, 2, 1, 0, 0, 0, 0, 0, 1]);
    expect([...fillMaglev(['a', 'b', 'c'], [1, 2, 3], 13)]).toEqual([2, 1, 2, 1, 2, 2, 2, 1, 1, 0, 0, 0, 1]);
  });

  it.each<[string, string[], number[], number, RegExp]>([
    ['no ids', [], [], 7, /^maglev table: ids is an array: allowed is one or more/],
    ['fewer weights', ['a', 'b'], [1], 7, /^maglev table: weights is an array: allowed is as many as ids, 2/],
    ['a weight of 0', ['a'], [0], 7, /^maglev table: a weight is 0/],
    ['a size that is no prime', ['a'], [1], 10, /^maglev table: size is 10: allowed is a prime number from 2/],
    ['a size of 1', ['a'], [1], 1, /size is 1/],
    ['no size', ['a'], [1], 0, /size is 0/],
    ['a part of one', ['a'], [1], 7.5, /size is 7\.5/],
    ['a size beyond all', ['a'], [1], 2_147_483_659, /size is 2147483659/],
    ['what is no size', ['a'], [1], Number.NaN, /size is NaN/],
  ])('refuses %s', (_what, names, weights, size, message) => {
    expect(() => fillMaglev(names, weights, size)).toThrow(message);
  });
});

/** The paper's pseudocode, with Envoy's weights: permutations in full, and nothing kept. */
function published(ids: readonly MaglevId[], size: number): number[] {
  const permutations = ids.map(({ id }) => {
    const offset = (murmur3(id, 0x6d61676c) >>> 0) % size;
    const skip = ((murmur3(id, 0x65763230) >>> 0) % (size - 1)) + 1;
    return Array.from({ length: size }, (_, j) => (offset + j * skip) % size);
  });
  const heaviest = Math.max(...ids.map(({ weight }) => weight));
  const targets = ids.map(() => 0);
  const next = ids.map(() => 0);
  const entry: number[] = Array(size).fill(-1);
  for (let filled = 0, round = 1; ; round++) {
    for (const [i, { weight }] of ids.entries()) {
      if (round * weight < targets[i]!) continue;
      targets[i]! += heaviest;
      let candidate = permutations[i]![next[i]!]!;
      while (entry[candidate] !== -1) candidate = permutations[i]![++next[i]!]!;
      entry[candidate] = i;
      next[i]!++;
      if (++filled === size) return entry;
    }
  }
}

describe("Maglev's tables, one after the other", () => {
  it('are those of the published algorithm on each list, whatever the list before was', () => {
    const weight = fc.oneof(fc.constantFrom(1, 1, 1, 2, 3), fc.double({ min: 0.1, max: 9, noNaN: true }));
    const member = fc.record({ id: fc.constantFrom(...ids(24)), weight });
    const list = fc.uniqueArray(member, { minLength: 1, maxLength: 24, selector: ({ id }) => id });
    fc.assert(
      fc.property(fc.array(list, { minLength: 1, maxLength: 6 }), fc.constantFrom(7, 251), (lists, size) => {
        const filler = new MaglevFiller(size);
        for (const each of lists) expect([...finish(filler.steps(each))]).toEqual(published(each, size));
      }),
      { seed: 7 },
    );
  });

  it('hash no id again: one that comes, leaves or weighs more among thousands is little work', () => {
    using meter = workMeter();
    const all = ids(3_000).map((id) => ({ id, weight: 1 }));
    const filler = new MaglevFiller(251);
    const workOf = (list: readonly MaglevId[]): number => {
      meter.taken();
      finish(filler.steps(list));
      return meter.taken();
    };
    const first = workOf(all);
    const changes = [all.toSpliced(1_500, 1), all, all.with(700, { id: all[700]!.id, weight: 2 })];
    for (const list of changes) expect(workOf(list)).toBeLessThan(first * 0.4);
  });
});

describe('a prime', () => {
  it('has no divisor but itself', () => {
    const primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47];
    expect(Array.from({ length: 50 }, (_, i) => i).filter(isPrime)).toEqual(primes);
    expect([65_537, 655_373, 5_000_011, 2_147_483_647].every(isPrime)).toBe(true);
    expect([-7, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 65_537 * 65_537].some(isPrime)).toBe(false);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 2_000 }), fc.integer({ min: 2, max: 2_000 }), (a, b) => {
        expect(isPrime(a * b)).toBe(false);
      }),
    );
  });
});
