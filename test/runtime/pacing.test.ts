import { TokenBucket } from 'fairlead/resilience';
import { seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/runtime/backoff.js';

describe('the backoff', () => {
  it('draws evenly between nothing and a ceiling that doubles up to its cap', () => {
    const backoff = new Backoff(seededRandom(1), { baseMs: 100, maxMs: 1_000 });
    const sums = new Array<number>(8).fill(0);
    const RUNS = 4_000;
    for (let run = 0; run < RUNS; run++) {
      backoff.reset();
      for (let i = 0; i < sums.length; i++) {
        const delayMs = backoff.next();
        expect(delayMs).toBeLessThan(Math.min(1_000, 100 * 2 ** i));
        sums[i]! += delayMs / RUNS;
      }
    }
    // The mean of a uniform draw is half its ceiling; its standard error here is below 1 % of that.
    const expected = [50, 100, 200, 400, 500, 500, 500, 500];
    for (const [i, mean] of sums.entries()) expect(Math.abs(mean / expected[i]! - 1)).toBeLessThan(0.05);
  });

  it('parts clients that failed together', () => {
    const first = new Backoff(seededRandom(1), { baseMs: 100, maxMs: 1_000 });
    const second = new Backoff(seededRandom(2), { baseMs: 100, maxMs: 1_000 });
    expect(Array.from({ length: 5 }, () => first.next())).not.toEqual(Array.from({ length: 5 }, () => second.next()));
  });
});

describe('a token bucket that is drawn on in advance', () => {
  it('gives a burst at once and then its steady rate', () => {
    const bucket = new TokenBucket({ perSecond: 4, burst: 3 });
    expect([0, 0, 0].map((nowMs) => bucket.reserve(nowMs))).toEqual([0, 0, 0]);
    expect(bucket.reserve(0)).toBe(250);
    expect(bucket.reserve(250)).toBe(250);
  });

  it('saves up no more than a burst', () => {
    const bucket = new TokenBucket({ perSecond: 4, burst: 2 });
    expect([3_600_000, 3_600_000].map((nowMs) => bucket.reserve(nowMs))).toEqual([0, 0]);
    expect(bucket.reserve(3_600_000)).toBeGreaterThan(0);
  });

  it('waits as long as one that counts its tokens would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 10 }),
        (gapsMs, perSecond, burst) => {
          const bucket = new TokenBucket({ perSecond, burst });
          let tokens = burst;
          let nowMs = 0;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            tokens = Math.min(burst, tokens + (gapMs * perSecond) / 1_000) - 1;
            expect(bucket.reserve(nowMs)).toBeCloseTo(Math.max(0, (-tokens * 1_000) / perSecond), 6);
          }
        },
      ),
      { numRuns: 200, seed: 17 },
    );
  });

  it('is as it was when a token is given back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        (gapsMs, burst) => {
          const [one, other] = [0, 0].map(() => new TokenBucket({ perSecond: 10, burst })) as [
            TokenBucket,
            TokenBucket,
          ];
          let nowMs = 0;
          for (const gapMs of gapsMs) {
            nowMs += gapMs;
            expect(one.tryAcquire(nowMs)).toBeCloseTo(other.tryAcquire(nowMs), 6);
            if (other.tryAcquire(nowMs) === 0) other.giveBack();
            expect(one.waitMs(nowMs)).toBeCloseTo(other.waitMs(nowMs), 6);
          }
        },
      ),
      { numRuns: 200, seed: 18 },
    );
  });
});
