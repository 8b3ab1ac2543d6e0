import { describe, expect, it } from 'vitest';
import { priorityLoads } from '../../../src/endpoint/rotation/priority.js';

/**
 * Whole percentages that add up to 100, as Envoy's documentation prints them: by largest remainder.
 */
function percentages(shares: readonly number[]): number[] {
  const floors = shares.map((share) => Math.floor(share * 100 + 1e-9));
  const missing = 100 - floors.reduce((sum, each) => sum + each, 0);
  const byRemainder = shares.map((share, i) => [share * 100 - floors[i]!, i] as const).sort(([a], [b]) => b - a);
  for (const [, i] of byRemainder.slice(0, missing)) floors[i]!++;
  return floors;
}

function split(healthyPercents: readonly number[], overprovisioning = 1.4): number[] {
  const levels = healthyPercents.map((healthy) => ({ healthy, total: 100 }));
  return percentages(priorityLoads(levels, overprovisioning).shares);
}

describe("priorities share the load as Envoy's documentation tabulates", () => {
  it.each([
    [
      [100, 100],
      [100, 0],
    ],
    [
      [72, 100],
      [100, 0],
    ],
    [
      [71, 100],
      [99, 1],
    ],
    [
      [50, 100],
      [70, 30],
    ],
    [
      [25, 100],
      [35, 65],
    ],
    [
      [0, 100],
      [0, 100],
    ],
    [
      [100, 100, 100],
      [100, 0, 0],
    ],
    [
      [71, 71, 100],
      [99, 1, 0],
    ],
    [
      [50, 50, 100],
      [70, 30, 0],
    ],
    [
      [25, 100, 100],
      [35, 65, 0],
    ],
    [
      [25, 25, 100],
      [35, 35, 30],
    ],
    [
      [25, 25, 20],
      [36, 36, 28],
    ],
  ])('healthy %j gives %j', (healthy, expected) => {
    expect(split(healthy)).toEqual(expected);
  });

  it('gives nobody anything when nobody is healthy', () => {
    expect(priorityLoads([{ healthy: 0, total: 5 }], 1.4)).toEqual({ shares: [0], totalHealth: 0 });
  });

  it('tells whether all together can carry everything', () => {
    expect(
      priorityLoads(
        [
          { healthy: 1, total: 4 },
          { healthy: 2, total: 4 },
        ],
        1.4,
      ).totalHealth,
    ).toBe(1);
    expect(priorityLoads([{ healthy: 2, total: 4 }], 1.4).totalHealth).toBeCloseTo(0.7, 12);
  });
});
