import { Outcome } from 'fairlead';
import { CircuitBreaker, type CircuitBreakerOptions, ClientThrottle, KeyedWindow } from 'fairlead/resilience';
import { describe, expect, it } from 'vitest';

/** A breaker of one failure, and the numbers that it draws. */
function make(options: CircuitBreakerOptions = {}, drawn = 0) {
  const random = { float: () => drawn, below: () => 0 } as never;
  const breaker = new CircuitBreaker({ consecutiveFailures: 1, jitterRatio: 0, ...options }, random);
  const call = (outcome: Outcome, nowMs: number): void => {
    expect(breaker.tryAcquire(nowMs)).toBe(0);
    breaker.record(outcome, nowMs, breaker.epoch);
  };
  return { breaker, call };
}

describe('the state of a breaker', () => {
  it('can be asked for without a call: closed it admits, open not before its pause is over', () => {
    const { breaker, call } = make();
    expect(breaker.admits(0)).toBe(true);
    call(Outcome.Failure, 100);
    expect([breaker.admits(100), breaker.admits(1_099), breaker.admits(1_100)]).toEqual([false, false, true]);
    expect(breaker.state).toBe('open');
  });

  it('half open admits one, and another once that one has taken too long', () => {
    const { breaker, call } = make();
    call(Outcome.Failure, 0);
    expect(breaker.tryAcquire(1_000)).toBe(0);
    expect([breaker.admits(1_000), breaker.admits(1_999), breaker.admits(2_000)]).toEqual([false, false, true]);
    expect(breaker.tryAcquire(1_500)).toBe(500);
    breaker.record(Outcome.Success, 1_600, breaker.epoch);
    expect(breaker.admits(1_600)).toBe(true);
  });

  it('has another epoch with each change, and counts up', () => {
    const { breaker, call } = make();
    const epochs = [breaker.epoch];
    call(Outcome.Failure, 0);
    epochs.push(breaker.epoch);
    breaker.tryAcquire(1_000);
    epochs.push(breaker.epoch);
    expect(epochs).toEqual([0, 1, 2]);
  });

  it('lengthens its pause by up to the jitter', () => {
    const { breaker, call } = make({ jitterRatio: 0.5 }, 0.5);
    call(Outcome.Failure, 0);
    expect(breaker.tryAcquire(0)).toBe(1_250);
  });

  it('is opened by a probe that was too much, and by nothing that was cancelled', () => {
    const { breaker, call } = make();
    for (const outcome of [Outcome.Cancelled, Outcome.Overloaded, Outcome.ApplicationError]) call(outcome, 0);
    expect(breaker.state).toBe('closed');
    call(Outcome.Failure, 0);
    breaker.tryAcquire(1_000);
    breaker.record(Outcome.Cancelled, 1_000, breaker.epoch);
    expect(breaker.state).toBe('half_open');
    expect(breaker.tryAcquire(1_000)).toBe(0);
    breaker.record(Outcome.Overloaded, 1_000, breaker.epoch);
    expect(breaker.state).toBe('open');
  });
});

describe('what opens a breaker', () => {
  it('is a row within the window, whose end is still within it', () => {
    const inTime = make({ consecutiveFailures: 2, windowMs: 1_000, failureRatio: 0 });
    inTime.call(Outcome.Failure, 0);
    inTime.call(Outcome.Failure, 1_000);
    expect(inTime.breaker.state).toBe('open');
    const late = make({ consecutiveFailures: 2, windowMs: 1_000, failureRatio: 0 });
    late.call(Outcome.Failure, 0);
    late.call(Outcome.Failure, 1_001);
    expect(late.breaker.state).toBe('closed');
    late.call(Outcome.Failure, 1_002);
    expect(late.breaker.state).toBe('open');
  });

  it('is not a row that a success was in, nor what was cancelled or too much', () => {
    const { breaker, call } = make({ consecutiveFailures: 2, failureRatio: 0 });
    for (let i = 0; i < 10; i++) {
      call(Outcome.Failure, i);
      call(Outcome.Success, i);
    }
    expect(breaker.state).toBe('closed');
    call(Outcome.Failure, 10);
    call(Outcome.Cancelled, 10);
    call(Outcome.Overloaded, 10);
    call(Outcome.Failure, 10);
    expect(breaker.state).toBe('open');
  });

  it('is a share exactly, of calls that count', () => {
    const { breaker, call } = make({ consecutiveFailures: 0, failureRatio: 0.5, minimumCalls: 4 });
    call(Outcome.Success, 0);
    call(Outcome.Success, 0);
    for (let i = 0; i < 20; i++) call(i % 2 === 0 ? Outcome.Cancelled : Outcome.Overloaded, 0);
    call(Outcome.Failure, 0);
    expect(breaker.state).toBe('closed');
    call(Outcome.Failure, 0);
    expect(breaker.state).toBe('open');
  });

  it('is no share where that does not matter', () => {
    const { breaker, call } = make({ consecutiveFailures: 0, failureRatio: 0, minimumCalls: 1 });
    for (let i = 0; i < 50; i++) call(Outcome.Failure, 0);
    expect(breaker.state).toBe('closed');
  });
});

describe('a throttle', () => {
  const make = (drawn: number, minimumCalls = 10) =>
    new ClientThrottle({ ratio: 2, windowMs: 10_000, minimumCalls }, { float: () => drawn } as never);

  it('refuses nothing before it knows enough calls', () => {
    const throttle = make(0);
    for (let i = 0; i < 10; i++) expect(throttle.tryAcquire(0)).toBe(0);
    expect(throttle.refusalProbability(0)).toBe(10 / 11);
    expect(throttle.tryAcquire(250)).toBe(750);
  });

  it('refuses below its probability alone, and never at none', () => {
    const throttle = make(0.5, 0);
    expect(throttle.tryAcquire(0)).toBe(0);
    expect(throttle.refusalProbability(0)).toBe(0.5);
    expect(throttle.tryAcquire(0)).toBe(0);
    expect(throttle.tryAcquire(0)).toBeGreaterThan(0);
    const never = make(0, 0);
    expect(never.tryAcquire(0)).toBe(0);
    for (const outcome of [Outcome.Success, Outcome.Cancelled]) never.record(outcome, 0);
    expect(never.tryAcquire(0)).toBe(0);
  });

  it.each([
    [Outcome.Success, true],
    [Outcome.ApplicationError, true],
    [Outcome.Cancelled, true],
    [Outcome.Overloaded, false],
    [Outcome.Failure, false],
    [Outcome.Timeout, false],
    [Outcome.ConnectFailure, false],
  ])('takes outcome %i for accepted: %s', (outcome, isAccepted) => {
    const throttle = make(1, 0);
    throttle.tryAcquire(0);
    throttle.record(outcome, 0);
    expect(throttle.refusalProbability(0)).toBe(isAccepted ? 0 : 0.5);
  });
});

describe('the table of a window per key', () => {
  it('forgets two idle keys with each that is new, the longest idle first, and keeps those in use', () => {
    const window = new KeyedWindow({ max: 3, windowMs: 1_000, capacity: 4 });
    for (const key of ['a', 'b', 'c', 'd']) window.tryAcquire(key, 0);
    window.tryAcquire('a', 1_000);
    // b and c are idle; a was charged since.
    expect(window.tryAcquire('e', 1_200)).toBe(0);
    expect(window.size).toBe(3);
    window.tryAcquire('f', 1_200);
    expect(window.size).toBe(3);
    for (let i = 0; i < 2; i++) expect(window.tryAcquire('a', 1_200)).toBe(0);
    expect(window.tryAcquire('a', 1_200)).toBeGreaterThan(0);
  });
});
