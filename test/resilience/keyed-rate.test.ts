import { KeyedRate, KeyedWindow } from 'fairlead/resilience';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('a rate per key, whose table is small', () => {
  it('is not blocked by one client that burnt its burst: strangers find the places of those that are done', () => {
    const rate = new KeyedRate({ perSecond: 10, burst: 1_000, capacity: 1_000 });
    for (let i = 0; i < 1_000; i++) expect(rate.tryAcquire('burner', 0)).toBe(0);
    expect(rate.tryAcquire('burner', 0)).toBeGreaterThan(0);
    // Twice the capacity each second, each key once: a bucket is full again after 100 ms.
    let refused = 0;
    for (let i = 0; i < 20_000; i++) if (rate.tryAcquire(`stranger ${i}`, i / 2) > 0) refused++;
    expect(refused).toBe(0);
    expect(rate.size).toBeLessThanOrEqual(1_000);
    // What it burnt is not forgotten: one token has come back every 100 ms, and no more.
    let admitted = 0;
    while (rate.tryAcquire('burner', 10_000) === 0) admitted++;
    expect(admitted).toBe(100);
  });

  it('admits what a bucket for each key would, while the table is not full of those in use', () => {
    const step = fc.record({ key: fc.nat(5), gapMs: fc.nat(400) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer({ min: 1, max: 8 }), (steps, burst) => {
        const one = new KeyedRate({ perSecond: 4, burst, capacity: 6 });
        const each = Array.from({ length: 6 }, () => new KeyedRate({ perSecond: 4, burst, capacity: 1 }));
        let nowMs = 0;
        for (const { key, gapMs } of steps) {
          nowMs += gapMs;
          expect(one.tryAcquire(`${key}`, nowMs)).toBe(each[key]!.tryAcquire('it', nowMs));
        }
      }),
    );
  });
});

describe('limits per key', () => {
  it('keep the hash of a long key, not the key', () => {
    const rate = new KeyedRate({ perSecond: 1 });
    const window = new KeyedWindow({ max: 1 });
    const long = 'k'.repeat(100_000);
    for (const limit of [rate, window]) {
      expect(limit.tryAcquire(`${long}a`, 0)).toBe(0);
      expect(limit.tryAcquire(`${long}b`, 0)).toBe(0);
      expect(limit.tryAcquire(`${long}a`, 0)).toBeGreaterThan(0);
    }
  });
});
