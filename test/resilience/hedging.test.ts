import { describe, expect, it } from 'vitest';
import { implicitHedge, overrideHedge, readHedge } from '../../src/resilience/hedging.js';

describe('options of hedging', () => {
  it('mean the 99th percentile, unless a delay or a percentile is given', () => {
    expect(readHedge({}, 'hedge')).toMatchObject({ afterMs: undefined, percentile: 99, maxAttempts: 2 });
    expect(readHedge({ afterMs: 50 }, 'hedge')).toMatchObject({ afterMs: 50, percentile: undefined });
    expect(readHedge({ afterMs: 50, percentile: 90 }, 'hedge')).toMatchObject({ afterMs: 50, percentile: 90 });
    expect(readHedge({ percentile: 95 }, 'hedge')).toMatchObject({ afterMs: undefined, percentile: 95 });
  });

  it('hedge a tenth of the calls, unless their budget says otherwise', () => {
    expect(readHedge({}, 'hedge').budget).toMatchObject({ ratio: 0.1 });
    expect(readHedge({ budget: { windowMs: 5_000 } }, 'hedge').budget).toMatchObject({ ratio: 0.1, windowMs: 5_000 });
    expect(readHedge({ budget: { ratio: 0.3 } }, 'hedge').budget).toMatchObject({ ratio: 0.3 });
    expect(() => readHedge({ budget: 7 }, 'hedge')).toThrow(/hedge\.budget is 7/);
  });

  it('are those of a call before those of its service', () => {
    const base = readHedge({ percentile: 95, maxAttempts: 3 }, 'hedge');
    expect(overrideHedge({}, 'hedge', base)).toEqual({ afterMs: undefined, percentile: 95, maxAttempts: 3 });
    expect(overrideHedge({ afterMs: 0 }, 'hedge', base)).toEqual({ afterMs: 0, percentile: undefined, maxAttempts: 3 });
    expect(overrideHedge({ maxAttempts: 5 }, 'hedge', base)).toMatchObject({ percentile: 95, maxAttempts: 5 });
    const fixed = readHedge({ afterMs: 70 }, 'hedge');
    expect(overrideHedge({}, 'hedge', fixed)).toMatchObject({ afterMs: 70, percentile: undefined, maxAttempts: 2 });
  });

  it('of a call are none where its service says that there is none, and hold where it says nothing', () => {
    expect(overrideHedge({ afterMs: 5 }, 'call.hedge', undefined)).toBeUndefined();
    expect(overrideHedge({ afterMs: 5 }, 'call.hedge', implicitHedge)).toEqual({
      ...{ afterMs: 5, percentile: undefined, maxAttempts: 3 },
    });
  });
});
