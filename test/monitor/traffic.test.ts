import { describe, expect, it } from 'vitest';
import { trafficFindings } from '../../src/monitor/rules/traffic.js';
import { OUTCOME_NAMES } from '../../src/runtime/outcome.js';

const LIMITS = { minCalls: 20, errorRatio: 0.05, meanMs: 1_000, p99Ms: 5_000 } as never;

/** What a service counted: calls by outcome, how many were timed, how long they took together. */
const counted = (outcomes: Record<string, number>, count: number, sumMs: number, p99Ms: number | null = null) =>
  ({
    name: 'users',
    calls: {
      outcomes: { ...Object.fromEntries(OUTCOME_NAMES.map((name) => [name, 0])), ...outcomes },
      failures: (outcomes.failure ?? 0) + (outcomes.timeout ?? 0),
      timed: { count, sumMs },
      last10s: { p99Ms },
    },
  }) as never;
const found = (now: never, before?: never): string[] =>
  trafficFindings(now, before, LIMITS).map(({ rule, bad, value, text }) => `${rule} ${bad} ${value}: ${text}`);

describe('what is found of traffic', () => {
  it('is what came since the look before', () => {
    const before = counted({ success: 1_000, failure: 500 }, 1_500, 9_000_000);
    const now = counted({ success: 1_018, failure: 502 }, 1_520, 9_002_000, 400);
    expect(found(now, before)).toEqual([
      'error_rate true 0.1: 10.0 % of the calls to users fail',
      'latency false 100: calls to users take 100 ms on average',
      'p99_latency false 400: one in a hundred calls to users takes 400 ms or longer',
    ]);
  });

  it('is all there is at the first look', () => {
    expect(found(counted({ success: 95, timeout: 5 }, 100, 100_100, 5_001))).toEqual([
      'error_rate false 0.05: 5.0 % of the calls to users fail',
      'latency true 1001: calls to users take 1001 ms on average',
      'p99_latency true 5001: one in a hundred calls to users takes 5001 ms or longer',
    ]);
  });

  it('is nothing bad at its limit', () => {
    const bad = trafficFindings(counted({ success: 95, failure: 5 }, 100, 100_000, 5_000), undefined, LIMITS);
    expect(bad.map((each) => each.bad)).toEqual([false, false, false]);
  });

  it('is not judged by too few, and those that were cancelled are none', () => {
    const few = counted({ success: 10, failure: 9, cancelled: 500 }, 19, 1e9, 1e9);
    expect(trafficFindings(few, undefined, LIMITS).map(({ bad, value }) => [bad, value])).toEqual([
      [undefined, null],
      [undefined, null],
      [undefined, null],
    ]);
    const enough = counted({ success: 10, failure: 10, cancelled: 500 }, 20, 20, null);
    expect(trafficFindings(enough, undefined, LIMITS).map(({ bad, value }) => [bad, value])).toEqual([
      [true, 0.5],
      [false, 1],
      [undefined, null],
    ]);
  });
});
