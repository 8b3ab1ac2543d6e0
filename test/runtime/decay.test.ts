import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decayed } from '../../src/runtime/decay.js';

describe('decayed', () => {
  it('is e to the minus ratio, to 5 millionths', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.double({ min: 0, max: 0.2, noNaN: true }), fc.double({ min: 0, max: 800, noNaN: true })),
        (ratio) => {
          expect(Math.abs(decayed(ratio) - Math.exp(-ratio))).toBeLessThan(5e-6);
        },
      ),
    );
    expect(decayed(Number.NaN)).toBeNaN();
    expect(decayed(0)).toBe(1);
  });
});
