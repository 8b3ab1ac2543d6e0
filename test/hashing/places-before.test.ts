import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlacesBefore } from '../../src/hashing/places-before.js';

const named = (ids: readonly number[]) => ids.map((id) => ({ id: `s${id}` }));
const placesOf = (before: readonly number[], now: readonly number[]): number[] => {
  const places = new PlacesBefore(named(before), named(now));
  return now.map((_, at) => places.of(at));
};

describe('the places of a list in the list before', () => {
  it.each([
    ['nothing changed', [1, 2, 3], [1, 2, 3], [0, 1, 2]],
    ['one left', [1, 2, 3, 4], [1, 3, 4], [0, 2, 3]],
    ['several left', [1, 2, 3, 4, 5], [1, 5], [0, 4]],
    ['one came', [1, 3, 4], [1, 2, 3, 4], [0, -1, 1, 2]],
    ['several came', [1, 4], [1, 2, 3, 4, 5], [0, -1, -1, 1, -1]],
    ['one took the place of another', [1, 2, 3], [1, 9, 3], [0, -1, 2]],
    ['all are new', [], [1, 2], [-1, -1]],
    ['all are turned round', [1, 2, 3], [3, 2, 1], [2, -1, -1]],
  ])('are found where %s', (_what, before, now, expected) => {
    expect(placesOf(before, now)).toEqual(expected);
  });

  it('are right, or not found, whatever the lists are; found wherever the order stayed', () => {
    const list = fc.uniqueArray(fc.integer({ min: 0, max: 20 }), { maxLength: 20 });
    fc.assert(
      fc.property(list, list, (before, now) => {
        for (const [at, place] of placesOf(before, now).entries()) {
          if (place !== -1) expect(before[place]).toBe(now[at]);
        }
        const sorted = [before, now].map((each) => each.toSorted((a, b) => a - b)) as [number[], number[]];
        expect(placesOf(...sorted)).toEqual(sorted[1].map((id) => sorted[0].indexOf(id)));
      }),
      { seed: 5 },
    );
  });
});
