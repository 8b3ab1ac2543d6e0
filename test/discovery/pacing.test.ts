import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/discovery/backoff.js';
import { TokenBucket } from '../../src/discovery/token-bucket.js';

describe('the backoff', () => {
  it('draws evenly between nothing and a ceiling that doubles up to its cap', () => {
    const backoff = new Backoff(seededRandom(1), 100, 1_000);
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
    const first = new Backoff(seededRandom(1), 100, 1_000);
    const second = new Backoff(seededRandom(2), 100, 1_000);
    expect(Array.from({ length: 5 }, () => first.next())).not.toEqual(Array.from({ length: 5 }, () => second.next()));
  });
});

describe('the token bucket', () => {
  it('gives a burst at once and then its steady rate', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(clock, 4, 3);
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0]);
    expect(bucket.take()).toBe(250);
    clock.advance(250);
    expect(bucket.take()).toBe(250);
  });

  it('saves up no more than a burst', () => {
    const clock = new ManualClock();
    const bucket = new TokenBucket(clock, 4, 2);
    clock.advance(3_600_000);
    expect([bucket.take(), bucket.take()]).toEqual([0, 0]);
    expect(bucket.take()).toBeGreaterThan(0);
  });
});
