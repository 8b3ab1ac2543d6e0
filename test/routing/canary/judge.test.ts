import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { found, type Row, wilson } from './simulation.js';

const RUNS = 1_000;
const base = { canaryShare: 0.05, lookEveryS: 10, looks: 60 };
const percent = (share: number): number => Math.round(share * 1_000) / 10;

/**
 * The rows of a published measurement of tests for canaries: 5 % of the calls, a look every ten
 * seconds for ten minutes. docs/routing.md has the table.
 */
describe('a canary that is no worse than the baseline', () => {
  const rows: [name: string, row: Row][] = [
    ...[2, 20, 200, 2_000].flatMap((rps): [string, Row][] =>
      [0.001, 0.02].map((rate) => [
        `${rps} calls a second, ${percent(rate)} % errors`,
        { ...base, rps, canaryRate: rate, baselineRate: rate },
      ]),
    ),
    ...[20, 200].map((rps): [string, Row] => [
      `${rps} calls a second, 0.2 % errors, incidents of both arms`,
      { ...base, rps, canaryRate: 0.002, baselineRate: 0.002, incidents: { probability: 0.05, times: 20 } },
    ]),
    ...[2, 20].map((rps): [string, Row] => [
      `${rps} calls a second, slow as the baseline`,
      { rps, canaryShare: 0.1, lookEveryS: 20, looks: 30, canaryRate: 0.05, baselineRate: 0.05, signal: 'latency' },
    ]),
  ];

  it.each(rows.map(([name, row]) => ({ name, row })))('$name: is rolled back in less than 1.5 percent', ({ row }) => {
    const hits = found(row, RUNS, seededRandom(11));
    expect(wilson(hits, RUNS)[1]).toBeLessThan(0.015);
  });

  it.each([200, 2_000])('is left alone where it is worse by what does not matter, %i calls a second', (rps) => {
    const row = { ...base, rps, canaryRate: 0.0015, baselineRate: 0.001 };
    // The table has 1 % at 200 calls a second and none at 2,000.
    expect(wilson(found(row, RUNS, seededRandom(12)), RUNS)[0]).toBeLessThan(0.01);
  });
});

describe('a canary that is worse', () => {
  /**
   * Error rates, calls a second, and of how many of its 200 runs the table says that it was found.
   */
  const rows: [canaryRate: number, baselineRate: number, rps: number, of200: number][] = [
    [0.01, 0.001, 2, 3],
    [0.01, 0.001, 20, 140],
    [0.01, 0.001, 200, 200],
    [0.01, 0.001, 2_000, 200],
    [0.05, 0.001, 2, 96],
    [0.05, 0.001, 20, 200],
    [0.05, 0.001, 200, 200],
    [0.06, 0.02, 2, 18],
    [0.06, 0.02, 20, 196],
    [0.06, 0.02, 200, 200],
    [0.5, 0.001, 2, 200],
    [0.5, 0.001, 20, 200],
    [0.5, 0.001, 200, 200],
  ];

  it.each(rows)('%d of its calls fail against %d, at %i a second: is found as often as the table says', (...row) => {
    const [canaryRate, baselineRate, rps, of200] = row;
    const hits = found({ ...base, rps, canaryRate, baselineRate }, RUNS, seededRandom(13));
    expect(hits / RUNS).toBeGreaterThanOrEqual(wilson(of200, 200)[0]);
  });

  it.each([20, 200])('is found sooner the more calls there are (%i a second)', (rps) => {
    const row = { ...base, rps, canaryRate: 0.05, baselineRate: 0.001 };
    const looks = rps === 20 ? 18 : 3;
    expect(found({ ...row, looks }, 400, seededRandom(14)) / 400).toBeGreaterThan(0.9);
  });

  it('has three times the share of slow calls: is found', () => {
    const row: Row = {
      rps: 20,
      canaryShare: 0.1,
      lookEveryS: 20,
      looks: 30,
      canaryRate: 0.15,
      baselineRate: 0.05,
      signal: 'latency',
    };
    expect(found(row, 300, seededRandom(15)) / 300).toBeGreaterThan(0.95);
  });
});

describe('a single look at a fixed threshold', () => {
  it('would roll good canaries back: what the sequential test is there for', () => {
    const naive = { alpha: 0.01, minCalls: 0, minBad: 1, errorPoints: 0, slowTimes: 1 };
    const row: Row = { ...base, rps: 200, canaryRate: 0.02, baselineRate: 0.02 };
    // Without the minima the test alone keeps its promise: at most alpha, over all sixty looks.
    expect(found(row, RUNS, seededRandom(16), naive) / RUNS).toBeLessThan(0.02);
  });
});
