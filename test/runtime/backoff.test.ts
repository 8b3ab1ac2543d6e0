import { seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/runtime/backoff.js';

const waits = (backoff: Backoff, count: number): number[] => Array.from({ length: count }, () => backoff.next());

describe('a backoff', () => {
  it('multiplies its wait by the factor up to the maximum, exactly so without jitter', () => {
    const backoff = new Backoff(seededRandom(1), { baseMs: 100, maxMs: 1_000, factor: 3, jitter: 0 });
    expect(waits(backoff, 5)).toEqual([100, 300, 900, 1_000, 1_000]);
    expect(backoff.failures).toBe(5);
    backoff.reset();
    expect(backoff.next()).toBe(100);
  });

  it('keeps every wait within the jitter below its ceiling, for any options and however long', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (baseMs, jitter, seed) => {
          const backoff = new Backoff(seededRandom(seed), { baseMs, maxMs: 60_000, jitter });
          for (let n = 0; n < 80; n++) {
            const ceiling = Math.min(60_000, baseMs * 2 ** Math.min(n, 40));
            const wait = backoff.next();
            expect(wait).toBeLessThanOrEqual(ceiling);
            expect(wait).toBeGreaterThanOrEqual(ceiling * (1 - jitter) - 1e-6);
          }
        },
      ),
    );
  });
});
