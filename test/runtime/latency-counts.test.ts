import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LatencyCounts } from '../../src/runtime/latency-counts.js';

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
