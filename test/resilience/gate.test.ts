import { Outcome } from 'fairlead';
import { CircuitBreaker, ClientThrottle } from 'fairlead/resilience';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { Gate, type GateParts } from '../../src/resilience/gate.js';
import { GradientLimit } from '../../src/resilience/gradient-limit.js';
import { TokenBucket } from '../../src/runtime/token-bucket.js';

const breakerOf = (): CircuitBreaker =>
  new CircuitBreaker({ consecutiveFailures: 1, openMs: 1_000, jitterRatio: 0 }, seededRandom(1));
/** A gate, and a call through it that takes so long. */
function make(parts: GateParts) {
  const gate = new Gate(parts);
  const call = (outcome: Outcome, tookMs = 10, nowMs = 0): void => {
    expect(gate.tryEnter(nowMs)).toBe(0);
    gate.leave(outcome, nowMs + tookMs, nowMs, gate.epoch);
  };
  return { gate, call };
}

describe('a gate', () => {
  it('without anything to check lets all pass, and counts them', () => {
    const { gate } = make({});
    for (let i = 0; i < 100; i++) expect(gate.tryEnter(0)).toBe(0);
    expect([gate.inflight, gate.limit, gate.epoch]).toEqual([100, Number.POSITIVE_INFINITY, 0]);
    expect(gate.wouldRefuse(0)).toBeUndefined();
    expect(gate.isShut(0)).toBe(false);
    gate.leave(Outcome.Success, 5, 0, 0);
    expect(gate.inflight).toBe(99);
  });

  it('has the lower one of two limits of calls in flight', () => {
    const adaptive = new GradientLimit({ initial: 5, min: 5 });
    expect(new Gate({ maxInflight: 3, adaptive }).limit).toBe(3);
    expect(new Gate({ maxInflight: 8, adaptive }).limit).toBe(5);
    expect(new Gate({ adaptive }).limit).toBe(5);
  });

  it('says what refuses a call, as it refuses it, and changes nothing by saying so', () => {
    const full = make({ maxInflight: 1 });
    full.gate.tryEnter(0);
    expect(full.gate.wouldRefuse(0)).toBe('too_many_calls');
    expect(full.gate.tryEnter(0)).toBeGreaterThan(0);
    expect(full.gate.refusedBy).toBe('too_many_calls');

    const limited = make({ rate: new TokenBucket({ perSecond: 1, burst: 1 }) });
    expect(limited.gate.wouldRefuse(0)).toBeUndefined();
    limited.gate.tryEnter(0);
    expect(limited.gate.wouldRefuse(0)).toBe('rate_limited');
    expect(limited.gate.tryEnter(0)).toBe(1_000);
    expect(limited.gate.refusedBy).toBe('rate_limited');
    expect(limited.gate.wouldRefuse(1_000)).toBeUndefined();

    const broken = make({ breaker: breakerOf() });
    broken.call(Outcome.Failure, 0);
    expect(broken.gate.wouldRefuse(0)).toBe('circuit_open');
    expect(broken.gate.isShut(0)).toBe(true);
    expect(broken.gate.tryEnter(0)).toBe(1_000);
    expect(broken.gate.refusedBy).toBe('circuit_open');
    expect(broken.gate.isShut(1_000)).toBe(false);
    expect(broken.gate.wouldRefuse(1_000)).toBeUndefined();
    expect(broken.gate.parts.breaker!.state).toBe('open');
  });

  it('takes no token for a call that its breaker refuses', () => {
    const { gate, call } = make({ breaker: breakerOf(), rate: new TokenBucket({ perSecond: 1, burst: 2 }) });
    call(Outcome.Failure, 0);
    expect(gate.tryEnter(0)).toBe(1_000);
    expect(gate.parts.rate!.waitMs(0)).toBe(0);
  });

  it('gives back all that a call took which was not made', () => {
    const { gate } = make({ maxInflight: 1, breaker: breakerOf(), rate: new TokenBucket({ perSecond: 1, burst: 1 }) });
    expect(gate.tryEnter(0)).toBe(0);
    gate.retract(0, gate.epoch);
    expect(gate.inflight).toBe(0);
    expect(gate.tryEnter(0)).toBe(0);
  });

  it.each<[Outcome, number]>([
    [Outcome.Success, 1],
    [Outcome.ApplicationError, 1],
    [Outcome.Timeout, 1],
    [Outcome.Failure, 0],
    [Outcome.ConnectFailure, 0],
    [Outcome.Cancelled, 0],
    [Outcome.Overloaded, 0],
  ])('learns how long a service takes by outcome %i from %i calls', (outcome, samples) => {
    const { gate, call } = make({ adaptive: new GradientLimit({ initial: 20, min: 1 }) });
    call(outcome, 40, 1_000);
    expect(gate.parts.adaptive!.longMs).toBe(samples * 40);
    expect(gate.limit).toBe(outcome === Outcome.Overloaded ? 18 : 20);
  });

  it('lets its throttle and its breaker know how calls ended', () => {
    const throttle = new ClientThrottle({ ratio: 1, minimumCalls: 0 }, seededRandom(1));
    const { gate, call } = make({ throttle });
    call(Outcome.Failure, 0);
    expect(gate.parts.throttle!.refusalProbability(0)).toBe(0.5);
  });

  it('estimates the next end by the mean of calls and how many there are', () => {
    const { gate, call } = make({});
    expect(gate.nextEndMs).toBe(1);
    for (let i = 0; i < 200; i++) call(Outcome.Success, 100, 500);
    expect(gate.nextEndMs).toBeCloseTo(100, 3);
    for (let i = 0; i < 4; i++) gate.tryEnter(500);
    expect(gate.nextEndMs).toBeCloseTo(25, 3);
  });
});
