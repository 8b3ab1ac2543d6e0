import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RollingCounts } from '../../src/resilience/rolling-counts.js';

/** Counts of a window of 1 s in ten slots, as of a time. */
function at(nowMs: number, counts = new RollingCounts(1_000)): RollingCounts {
  counts.advance(nowMs);
  return counts;
}
const all = (counts: RollingCounts): number[] => [counts.first, counts.second, counts.secondWithOldest];

describe('counts of a window', () => {
  it('are kept for the window and forgotten with it, whether or not anything is counted', () => {
    const counts = at(0);
    counts.add(2, 3);
    expect(all(at(999, counts))).toEqual([2, 3, 3]);
    // Where the slot is the oldest of eleven: no longer in the window at most, still in that at least.
    expect(all(at(1_000, counts))).toEqual([0, 0, 3]);
    expect(all(at(1_099, counts))).toEqual([0, 0, 3]);
    expect(all(at(1_100, counts))).toEqual([0, 0, 0]);
  });

  it('are those of all slots together', () => {
    const counts = at(0);
    for (let slot = 0; slot < 10; slot++) at(slot * 100, counts).add(1, slot);
    expect(all(counts)).toEqual([10, 45, 45]);
    expect(all(at(1_000, counts))).toEqual([9, 45, 45]);
    expect(all(at(1_100, counts))).toEqual([8, 44, 45]);
  });

  it('are not changed by a time before the latest', () => {
    const counts = at(500);
    counts.add(1, 1);
    expect(all(at(0, counts))).toEqual([1, 1, 1]);
    counts.add(1, 1);
    expect(all(at(1_499, counts))).toEqual([2, 2, 2]);
  });

  it('are all gone after a long pause, and by clearing', () => {
    const counts = at(0);
    counts.add(1, 1);
    expect(all(at(3_600_000, counts))).toEqual([0, 0, 0]);
    counts.add(1, 1);
    counts.clear();
    expect(all(counts)).toEqual([0, 0, 0]);
    expect(all(at(3_601_000, counts))).toEqual([0, 0, 0]);
  });

  it('say when the running slot ends, and when the window counts less', () => {
    const counts = at(230);
    expect(counts.slotMs).toBe(100);
    expect(counts.slotEndsInMs(230)).toBe(70);
    expect(counts.secondShrinksInMs(230)).toBe(0);
    counts.add(5, 0);
    expect(counts.secondShrinksInMs(230)).toBe(0);
    counts.add(0, 1);
    expect(counts.secondShrinksInMs(230)).toBe(1_070);
    at(450, counts).add(0, 1);
    expect(counts.secondShrinksInMs(450)).toBe(850);
    expect(at(1_300, counts).secondShrinksInMs(1_300)).toBe(200);
  });

  it('look back over the window at most, and withOldest at least, whatever happens when', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 400 }), { maxLength: 60 }), (gaps) => {
        const counts = new RollingCounts(1_000);
        const seen: number[] = [];
        let nowMs = 0;
        for (const gap of gaps) {
          nowMs += gap;
          at(nowMs, counts).add(0, 1);
          seen.push(nowMs);
          const within = (ms: number): number => seen.filter((each) => each > nowMs - ms).length;
          expect(counts.second).toBeLessThanOrEqual(within(1_000));
          expect(counts.second).toBeGreaterThanOrEqual(within(900));
          expect(counts.secondWithOldest).toBeGreaterThanOrEqual(within(1_000));
          expect(counts.secondWithOldest).toBeLessThanOrEqual(within(1_100));
          const shrinksMs = counts.secondShrinksInMs(nowMs);
          const before = counts.secondWithOldest;
          expect(at(nowMs + shrinksMs - 1e-6, copyOf(seen, nowMs)).secondWithOldest).toBe(before);
          expect(at(nowMs + shrinksMs, copyOf(seen, nowMs)).secondWithOldest).toBeLessThan(before);
        }
      }),
      { numRuns: 100 },
    );
  });
});

function copyOf(seen: readonly number[], nowMs: number): RollingCounts {
  const counts = new RollingCounts(1_000);
  for (const ms of seen) at(ms, counts).add(0, 1);
  return at(nowMs, counts);
}
