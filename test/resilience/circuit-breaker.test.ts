import { Outcome } from 'fairlead';
import type { CircuitChange } from 'fairlead/resilience';
import { CircuitBreaker, type CircuitBreakerOptions } from 'fairlead/resilience';
import { seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const HOUR_MS = 3_600_000;

/** A breaker with calls that end at once. */
function make(options: CircuitBreakerOptions = {}): {
  breaker: CircuitBreaker;
  changes: string[];
  call: (outcome: Outcome, nowMs: number) => boolean;
} {
  const changes: string[] = [];
  const told = ({ from, to, reason }: CircuitChange): void => void changes.push(`${from} ${to} ${reason}`);
  const breaker = new CircuitBreaker({ jitterRatio: 0, ...options }, seededRandom(1), told);
  const call = (outcome: Outcome, nowMs: number): boolean => {
    if (breaker.tryAcquire(nowMs) > 0) return false;
    breaker.record(outcome, nowMs, breaker.epoch);
    return true;
  };
  return { breaker, changes, call };
}

describe('a circuit breaker', () => {
  it('opens after five failures in a row, and says until when', () => {
    const { breaker, changes, call } = make();
    for (let i = 0; i < 5; i++) expect(call(Outcome.Failure, i)).toBe(true);
    expect(changes).toEqual(['closed open consecutive_failures']);
    expect(breaker.tryAcquire(4)).toBe(1_000);
    expect(breaker.tryAcquire(504)).toBe(500);
  });

  it('opens by the share of failures, once there are enough calls', () => {
    const { changes, call } = make({ consecutiveFailures: 0, failureRatio: 0.5, minimumCalls: 20 });
    for (let i = 0; i < 19; i++) call(i % 2 === 0 ? Outcome.Failure : Outcome.Success, i);
    expect(changes).toEqual([]);
    call(Outcome.Failure, 20);
    expect(changes).toEqual(['closed open failure_ratio']);
  });

  it('lets one probe pass after its pause, and closes when that succeeds', () => {
    const { breaker, changes, call } = make();
    for (let i = 0; i < 5; i++) call(Outcome.ConnectFailure, 0);
    expect(breaker.tryAcquire(1_000)).toBe(0);
    expect(breaker.state).toBe('half_open');
    expect(breaker.tryAcquire(1_000)).toBeGreaterThan(0);
    breaker.record(Outcome.Success, 1_010, breaker.epoch);
    expect(changes.slice(1)).toEqual(['open half_open probe_due', 'half_open closed probe_succeeded']);
    expect(call(Outcome.Success, 1_011)).toBe(true);
  });

  it('doubles its pause with each failed probe, up to the maximum, and begins anew after a success', () => {
    const { breaker, call } = make({ openMs: 1_000, maxOpenMs: 3_000 });
    for (let i = 0; i < 5; i++) call(Outcome.Timeout, 0);
    call(Outcome.Failure, 1_000);
    expect(breaker.tryAcquire(1_000)).toBe(2_000);
    call(Outcome.Failure, 3_000);
    expect(breaker.tryAcquire(3_000)).toBe(3_000);
    call(Outcome.Success, 6_000);
    for (let i = 0; i < 5; i++) call(Outcome.Failure, 6_000);
    expect(breaker.tryAcquire(6_000)).toBe(1_000);
  });

  it('is not held half open for ever by a probe that never ends, nor decided by one that was cancelled', () => {
    const { breaker, call } = make();
    for (let i = 0; i < 5; i++) call(Outcome.Failure, 0);
    expect(breaker.tryAcquire(1_000)).toBe(0);
    expect(breaker.tryAcquire(1_999)).toBe(1);
    expect(breaker.tryAcquire(2_000)).toBe(0);
    breaker.record(Outcome.Cancelled, 2_001, breaker.epoch);
    expect(breaker.state).toBe('half_open');
    expect(breaker.tryAcquire(2_001)).toBe(0);
  });

  it('does not listen to calls that began before its state changed', () => {
    const { breaker, call } = make();
    const before = breaker.epoch;
    for (let i = 0; i < 5; i++) call(Outcome.Failure, 0);
    breaker.tryAcquire(1_000);
    breaker.record(Outcome.Success, 1_001, before);
    expect(breaker.state).toBe('half_open');
  });

  it('takes errors of the application for successes, and ignores overload while closed', () => {
    const { breaker, call } = make({ minimumCalls: 1, failureRatio: 0.9 });
    for (let i = 0; i < 4; i++) call(Outcome.Failure, 0);
    expect(breaker.state).toBe('open');
    const other = make({ failureRatio: 0 });
    for (let i = 0; i < 4; i++) other.call(Outcome.Failure, 0);
    other.call(Outcome.ApplicationError, 0);
    for (let i = 0; i < 4; i++) other.call(Outcome.Failure, 0);
    for (let i = 0; i < 9; i++) other.call(Outcome.Overloaded, 0);
    expect(other.breaker.state).toBe('closed');
  });

  it('after an idle hour notices an outage as fast as a new one, however well all went before', () => {
    const { call, changes } = make({ consecutiveFailures: 0 });
    for (let nowMs = 0; nowMs < 10_000; nowMs += 5) call(Outcome.Success, nowMs);
    const nowMs = 10_000 + HOUR_MS;
    let failures = 0;
    while (changes.length === 0 && failures < 10_000) {
      call(Outcome.Failure, nowMs + failures);
      failures++;
    }
    expect(failures).toBe(20);
  });

  it('after an idle hour is not opened by failures from before it', () => {
    const { breaker, call } = make({ minimumCalls: 5 });
    for (let i = 0; i < 4; i++) call(Outcome.Failure, i);
    call(Outcome.Failure, HOUR_MS);
    for (let i = 0; i < 3; i++) call(Outcome.Success, HOUR_MS + i);
    expect(breaker.state).toBe('closed');
  });

  it('never breaks the rules of its states, whatever happens', () => {
    const outcome = fc.constantFrom(...Object.values(Outcome));
    const step = fc.record({ gapMs: fc.integer({ min: 0, max: 3_000 }), outcome, slow: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer(), (steps, seed) => {
        const allowed = new Set(['closed open', 'open half_open', 'half_open open', 'half_open closed']);
        let state = 'closed';
        const breaker = new CircuitBreaker({ minimumCalls: 3, windowMs: 5_000 }, seededRandom(seed), (change) => {
          expect(change.from).toBe(state);
          expect(allowed).toContain(`${change.from} ${change.to}`);
          state = change.to;
        });
        const late: { outcome: Outcome; epoch: number }[] = [];
        let nowMs = 0;
        let probes = 0;
        for (const each of steps) {
          nowMs += each.gapMs;
          const before = state;
          const waitMs = breaker.tryAcquire(nowMs);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          if (before === 'closed') expect(waitMs).toBe(0);
          if (waitMs > 0) {
            // What it says about when to come back holds.
            expect(before === 'closed').toBe(false);
            continue;
          }
          if (state === 'half_open') probes++;
          if (each.slow) late.push({ outcome: each.outcome, epoch: breaker.epoch });
          else breaker.record(each.outcome, nowMs, breaker.epoch);
          if (late.length > 3) {
            const old = late.shift()!;
            breaker.record(old.outcome, nowMs, old.epoch);
          }
        }
        expect(probes).toBeLessThanOrEqual(nowMs / 1_000 + steps.length);
        // However it stands, it always lets a call pass again in the end.
        expect(breaker.tryAcquire(nowMs + 40_000)).toBe(0);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
