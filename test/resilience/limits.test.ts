import { Outcome } from 'fairlead';
import {
  ClientThrottle,
  GradientLimit,
  KeyedRate,
  KeyedWindow,
  LatencyPercentile,
  TokenBucket,
} from 'fairlead/resilience';
import { seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

/** The most events in any window of `windowMs`, both ends included. */
function busiest(times: readonly number[], windowMs: number): number {
  let most = 0;
  for (let from = 0, to = 0; to < times.length; to++) {
    while (times[to]! - times[from]! > windowMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

const gaps = fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { minLength: 1, maxLength: 200 });

describe('a token bucket', () => {
  it('admits a burst, then one per interval, and says exactly when', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    expect([0, 0, 0].map((now) => bucket.tryAcquire(now))).toEqual([0, 0, 0]);
    expect(bucket.tryAcquire(0)).toBe(100);
    expect(bucket.tryAcquire(60)).toBe(40);
    expect(bucket.tryAcquire(100)).toBe(0);
    expect(bucket.tryAcquire(100)).toBe(100);
  });

  it('never admits more than burst + rate · T in any period T, and always after the wait it names', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), (each, perSecond, burst) => {
        const bucket = new TokenBucket({ perSecond, burst });
        const admitted: number[] = [];
        let nowMs = 0;
        for (const gap of each) {
          nowMs += gap;
          const waitMs = bucket.tryAcquire(nowMs);
          if (waitMs === 0) admitted.push(nowMs);
          else if (gap > 300) {
            nowMs += waitMs + 1e-6;
            expect(bucket.tryAcquire(nowMs)).toBe(0);
            admitted.push(nowMs);
          }
        }
        for (const windowMs of [10, 100, 1_000, 5_000]) {
          expect(busiest(admitted, windowMs)).toBeLessThanOrEqual(burst + (perSecond * windowMs) / 1_000 + 1e-6);
        }
      }),
      { numRuns: 200, seed: 3 },
    );
  });
});

describe('a rate per key', () => {
  it('limits each key by itself', () => {
    const rate = new KeyedRate({ perSecond: 1, burst: 2 });
    expect(rate.tryAcquire('a', 0)).toBe(0);
    expect(rate.tryAcquire('a', 0)).toBe(0);
    expect(rate.tryAcquire('a', 0)).toBe(1_000);
    expect(rate.tryAcquire('__proto__', 0)).toBe(0);
  });

  it('keeps no more keys than its capacity, forgets the idle ones, and never renews the bucket of a busy one', () => {
    const rate = new KeyedRate({ perSecond: 1, burst: 2, capacity: 100 });
    rate.tryAcquire('abuser', 0);
    rate.tryAcquire('abuser', 0);
    let strangers = 0;
    for (let i = 0; i < 10_000; i++) if (rate.tryAcquire(`made-up-${i}`, 0) === 0) strangers++;
    expect(rate.size).toBe(100);
    // 99 places in the table, and a burst of 2 for all others together.
    expect(strangers).toBe(101);
    expect(rate.tryAcquire('abuser', 1)).toBe(999);
    rate.tryAcquire('x', 60_000);
    for (let i = 0; i < 200; i++) rate.tryAcquire('x', 60_000 + 1_000 * i);
    expect(rate.size).toBeLessThanOrEqual(100);
  });
});

describe('a sliding window per key', () => {
  it('never admits more than its maximum in any window, and always after the wait it names', () => {
    fc.assert(
      fc.property(gaps, fc.integer({ min: 1, max: 12 }), (each, max) => {
        const window = new KeyedWindow({ max, windowMs: 1_000 });
        const admitted: number[] = [];
        let nowMs = 0;
        for (const gap of each) {
          nowMs += gap;
          const waitMs = window.tryAcquire('k', nowMs);
          if (waitMs === 0) admitted.push(nowMs);
          else if (gap > 300) {
            nowMs += waitMs + 1e-6;
            expect(window.tryAcquire('k', nowMs)).toBe(0);
            admitted.push(nowMs);
          }
        }
        expect(busiest(admitted, 999.999)).toBeLessThanOrEqual(max);
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it('keeps no more keys than its capacity', () => {
    const window = new KeyedWindow({ max: 1, windowMs: 1_000, capacity: 50 });
    let admitted = 0;
    for (let i = 0; i < 1_000; i++) if (window.tryAcquire(`k${i}`, 0) === 0) admitted++;
    expect(window.size).toBe(50);
    expect(admitted).toBe(51);
    expect(window.tryAcquire('late', 1_200)).toBe(0);
  });
});

describe('client-side throttling', () => {
  it('refuses with the probability of the SRE book', () => {
    const throttle = new ClientThrottle({ ratio: 2, minimumCalls: 0 }, seededRandom(1));
    let requests = 0;
    for (let i = 0; i < 100; i++) {
      throttle.tryAcquire(0);
      requests++;
      if (i < 30) throttle.record(Outcome.Success, 0);
    }
    expect(throttle.refusalProbability(0)).toBeCloseTo((requests - 2 * 30) / (requests + 1), 12);
  });

  it('refuses nothing while at least half is accepted', () => {
    const throttle = new ClientThrottle({}, seededRandom(1));
    for (let i = 0; i < 10_000; i++) {
      expect(throttle.tryAcquire(i)).toBe(0);
      throttle.record(i % 2 === 0 ? Outcome.Success : Outcome.Overloaded, i);
    }
  });

  it('settles where about K times the accepted calls are sent', () => {
    // The service accepts 100 per second of the 1,000 offered: K = 2 lets about 200 through.
    const throttle = new ClientThrottle({ ratio: 2, windowMs: 10_000 }, seededRandom(9));
    let sent = 0;
    for (let ms = 0; ms < 60_000; ms++) {
      if (throttle.tryAcquire(ms) > 0) continue;
      if (ms >= 30_000) sent++;
      throttle.record(ms % 1_000 < 100 ? Outcome.Success : Outcome.Overloaded, ms);
    }
    const accepted = sent / 2;
    expect(sent / 30).toBeLessThan(400);
    expect(accepted).toBeGreaterThan(0);
  });

  it('forgets with the window', () => {
    const throttle = new ClientThrottle({ windowMs: 1_000 }, seededRandom(1));
    for (let i = 0; i < 100; i++) {
      if (throttle.tryAcquire(0) === 0) throttle.record(Outcome.Failure, 0);
    }
    expect(throttle.refusalProbability(0)).toBeGreaterThan(0.9);
    expect(throttle.refusalProbability(3_600_000)).toBe(0);
  });
});

describe('the gradient limit', () => {
  it('computes what Netflix states: clamp(1.5 · long / short, 0.5, 1), smoothed by 0.2, plus 4', () => {
    const limit = new GradientLimit({ initial: 100, min: 20, max: 200 });
    limit.sample(10, 100);
    // Gradient 1: 100 · 0.8 + 0.2 · (100 + 4) = 100.8
    expect(limit.limit).toBe(100);
    for (let i = 0; i < 4; i++) limit.sample(10, 100);
    // + 0.2 · 4 with each sample.
    expect(limit.limit).toBe(104);
    // Twenty times as slow: long = (5 · 10 + 200) / 6, gradient 0.5 at least; 104 · 0.8 + 0.2 · (52
    // + 4) = 94.4
    limit.sample(200, 104);
    expect(limit.longMs).toBeCloseTo(250 / 6, 9);
    expect(limit.limit).toBe(94);
  });

  it('takes a maximum below the usual minimum for what it is', () => {
    const limit = new GradientLimit({ max: 5 });
    for (let i = 0; i < 50; i++) limit.sample(10, 5);
    expect(limit.limit).toBe(5);
  });

  it('does not grow while less than half of it is used', () => {
    const limit = new GradientLimit({ initial: 100 });
    for (let i = 0; i < 100; i++) limit.sample(10, 49);
    expect(limit.limit).toBe(100);
  });

  it('stays between its bounds whatever it is told', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(500)), { maxLength: 300 }),
        (all) => {
          const limit = new GradientLimit();
          for (const [ms, inflight] of all) {
            limit.sample(ms, inflight);
            if (inflight % 7 === 0) limit.overloaded();
            expect(limit.limit).toBeGreaterThanOrEqual(20);
            expect(limit.limit).toBeLessThanOrEqual(200);
          }
        },
      ),
      { numRuns: 100, seed: 11 },
    );
  });

  it('shrinks to its minimum when the server turns four times as slow, and grows back when it recovers', () => {
    const limit = new GradientLimit({ initial: 100 });
    for (let i = 0; i < 600; i++) limit.sample(10, limit.limit);
    expect(limit.limit).toBe(200);
    let calls = 0;
    while (limit.limit > 20 && calls < 600) {
      limit.sample(40, limit.limit);
      calls++;
    }
    expect(calls).toBeLessThan(60);
    for (let i = 0; i < 600; i++) limit.sample(10, limit.limit);
    expect(limit.limit).toBe(200);
  });
});

describe('a live percentile', () => {
  it('tells nothing before it has enough samples, then the percentile within 1 %', () => {
    const live = new LatencyPercentile(95, 30_000, 100);
    for (let i = 1; i <= 99; i++) live.record(i, 0);
    expect(live.valueMs(1_000)).toBeUndefined();
    live.record(100, 2_000);
    expect(live.valueMs(3_000)).toBeGreaterThan(95 * 0.99);
    expect(live.valueMs(3_000)).toBeLessThan(95 * 1.02);
  });

  it('forgets what is older than its window', () => {
    const live = new LatencyPercentile(50, 30_000, 100);
    for (let i = 0; i < 1_000; i++) live.record(500, 0);
    for (let i = 0; i < 1_000; i++) live.record(5, 31_000);
    expect(live.valueMs(46_000)).toBeLessThan(6);
    expect(live.valueMs(3_600_000)).toBeUndefined();
  });
});
