import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bucketOf,
  LATENCY_BUCKETS,
  LatencyCounts,
  longestOf,
  quantilesMicros,
} from '../../src/runtime/latency-counts.js';

describe('latency counts', () => {
  it('count each duration as within a longer one, and know it to a sixteenth of its value', () => {
    const micros = fc.nat({ max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.array(micros, { maxLength: 50 }), micros, (durations, limit) => {
        const counts = new LatencyCounts();
        for (const each of durations) counts.add(each);
        const within = counts.within(limit);
        expect(within).toBeGreaterThanOrEqual(durations.filter((each) => each <= limit).length);
        expect(within).toBeLessThanOrEqual(durations.filter((each) => each <= limit * 1.0625).length);
        const from = counts.from(limit);
        expect(from).toBeGreaterThanOrEqual(durations.filter((each) => each >= limit).length);
        expect(from).toBeLessThanOrEqual(durations.filter((each) => each >= limit * 0.9375).length);
        expect(counts.total).toBe(durations.length);
      }),
    );
  });

  it('take what is longer than 35 minutes for that', () => {
    const counts = new LatencyCounts();
    counts.add(1e12);
    expect(counts.within(2 ** 31 - 1)).toBe(1);
    expect(counts.within(1e9)).toBe(0);
    expect(counts.total).toBe(1);
    counts.clear();
    expect(counts.total).toBe(0);
  });
});

describe('the buckets of durations', () => {
  it('hold what is no longer than their longest, and longer than that of the one before', () => {
    fc.assert(
      fc.property(fc.nat({ max: 2 ** 31 - 1 }), (micros) => {
        const bucket = bucketOf(micros);
        expect(micros).toBeLessThanOrEqual(longestOf(bucket));
        if (bucket > 0) expect(micros).toBeGreaterThan(longestOf(bucket - 1));
      }),
    );
  });

  it('know each quantile to a thirty-second, in one pass', () => {
    const micros = fc.integer({ min: 1, max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.array(micros, { minLength: 1, maxLength: 200 }), (durations) => {
        const counts = new Uint32Array(LATENCY_BUCKETS);
        for (const each of durations) counts[bucketOf(each)]!++;
        const sorted = [...durations].sort((a, b) => a - b);
        const shares = [0, 0.5, 0.9, 0.99, 1];
        for (const [i, found] of quantilesMicros(counts, durations.length, shares).entries()) {
          const exact = sorted[Math.max(1, Math.ceil(sorted.length * shares[i]!)) - 1]!;
          expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact / 32 + 0.5);
        }
      }),
    );
    expect(quantilesMicros(new Uint32Array(LATENCY_BUCKETS), 0, [0.5])).toEqual([Number.NaN]);
  });
});
