import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import type { EndpointSpec } from '../../src/endpoint/endpoint.js';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { toTick } from '../../src/runtime/ticks.js';

const spec = (more: Partial<EndpointSpec> = {}): EndpointSpec => ({
  id: 'e0',
  host: '127.0.0.1',
  port: 1,
  weight: 4,
  priority: 0,
  zone: '',
  tags: [],
  meta: {},
  ...more,
});

const DECAY_MS = 10_000;

/** An endpoint, and calls on it that begin and end when they are told to. */
function world() {
  const endpoint = new LiveEndpoint(spec());
  const call = (fromMs: number, toMs: number, outcome: Outcome = Outcome.Success) => {
    endpoint.beginTimed(fromMs);
    endpoint.endTimed(outcome, toTick(fromMs), toMs, DECAY_MS);
  };
  return { endpoint, call };
}

describe('the state of an endpoint', () => {
  it('is the gravest of: gone, failing a check or its registry, out by outcomes', () => {
    const { endpoint } = world();
    expect([endpoint.state, endpoint.standing, endpoint.withdrawn]).toEqual(['ready', 'in', false]);
    endpoint.setStanding('ejected');
    expect([endpoint.state, endpoint.standing]).toEqual(['ejected', 'ejected']);
    endpoint.countFailingChecks(1);
    endpoint.countFailingChecks(1);
    expect([endpoint.state, endpoint.withdrawn]).toEqual(['unhealthy', false]);
    endpoint.depart();
    expect([endpoint.state, endpoint.withdrawn]).toEqual(['draining', true]);
    endpoint.revive();
    endpoint.countFailingChecks(-1);
    expect([endpoint.state, endpoint.withdrawn]).toEqual(['unhealthy', false]);
    endpoint.countFailingChecks(-1);
    expect(endpoint.state).toBe('ejected');
    endpoint.setStanding('probing');
    expect(endpoint.state).toBe('probing');
    endpoint.setStanding('in');
    expect(endpoint.state).toBe('ready');
  });

  it('takes no new calls where its registry lists it as unhealthy', () => {
    const { endpoint } = world();
    endpoint.respecify(spec({ healthy: false }));
    expect([endpoint.state, endpoint.withdrawn, endpoint.wasWell]).toEqual(['unhealthy', true, true]);
    endpoint.respecify(spec({ healthy: true }));
    expect([endpoint.state, endpoint.withdrawn]).toEqual(['ready', false]);
    expect(new LiveEndpoint(spec({ healthy: false })).state).toBe('unhealthy');
  });

  it('was well where nothing but discovery spoke against it', () => {
    const { endpoint } = world();
    endpoint.depart();
    expect(endpoint.wasWell).toBe(true);
    endpoint.countFailingChecks(1);
    expect(endpoint.wasWell).toBe(false);
    endpoint.countFailingChecks(-1);
    endpoint.setStanding('probing');
    expect(endpoint.wasWell).toBe(false);
  });

  it('has the weight of its spec, as far as it is warm and within the aperture', () => {
    const { endpoint } = world();
    expect(endpoint.weight).toBe(4);
    endpoint.warmth = 0.5;
    endpoint.arcShare = 0.25;
    endpoint.updateWeight();
    expect(endpoint.weight).toBe(0.5);
    endpoint.respecify(spec({ weight: 8 }));
    expect([endpoint.weight, endpoint.spec.weight]).toEqual([1, 8]);
  });
});

describe('the calls of an endpoint', () => {
  it('are counted, and those that speak against it', () => {
    const { endpoint } = world();
    for (let i = 0; i < 7; i++) endpoint.begin();
    expect([endpoint.calls, endpoint.inflight, endpoint.inflightAgeMs(1_000)]).toEqual([7, 7, 0]);
    const { Success, Failure, ConnectFailure, Timeout, Cancelled, ApplicationError, Overloaded } = Outcome;
    for (const outcome of [Success, Cancelled, ApplicationError, Overloaded]) endpoint.end(outcome);
    expect([endpoint.inflight, endpoint.failures]).toEqual([3, 0]);
    for (const outcome of [Failure, ConnectFailure, Timeout]) endpoint.end(outcome);
    expect([endpoint.calls, endpoint.inflight, endpoint.failures]).toEqual([7, 0, 3]);
  });

  it('in progress have the sum of their ages, of those that are timed', () => {
    const { endpoint } = world();
    endpoint.beginTimed(100);
    endpoint.begin();
    endpoint.beginTimed(130);
    expect(endpoint.inflightAgeMs(150)).toBe(50 + 20);
    endpoint.endTimed(Outcome.Success, toTick(100), 150, DECAY_MS);
    expect(endpoint.inflightAgeMs(150)).toBeCloseTo(20, 6);
    endpoint.end(Outcome.Success);
    endpoint.endTimed(Outcome.Success, toTick(130), 160, DECAY_MS);
    expect([endpoint.inflight, endpoint.inflightAgeMs(9_999)]).toEqual([0, 0]);
  });
});

describe('the estimate of how long an answer takes', () => {
  it('is the first answer, then rises at once and falls by the time that passed', () => {
    const { endpoint, call } = world();
    expect(endpoint.latencyMs).toBeNaN();
    call(0, 10);
    expect([endpoint.latencyMs, endpoint.latencyAtMs]).toEqual([10, 10]);
    call(10, 50);
    expect(endpoint.latencyMs).toBe(40);
    call(10_040, 10_050);
    const keep = Math.exp(-1);
    expect(endpoint.latencyMs).toBeCloseTo(40 * keep + 10 * (1 - keep), 6);
    expect(endpoint.latencyAtMs).toBe(10_050);
  });

  it('falls as slowly over many calls as over one', () => {
    const [many, one] = [world(), world()];
    for (const { call } of [many, one]) call(0, 100);
    for (let ms = 110; ms <= 5_100; ms += 10) many.call(ms - 10, ms);
    one.call(5_090, 5_100);
    expect(many.endpoint.latencyMs).toBeCloseTo(one.endpoint.latencyMs, 6);
  });

  it('does not fall by failures, and rises by timeouts', () => {
    const { endpoint, call } = world();
    call(0, 100);
    for (const outcome of [Outcome.Failure, Outcome.ConnectFailure, Outcome.Overloaded]) call(5_000, 5_001, outcome);
    expect([endpoint.latencyMs, endpoint.latencyAtMs]).toEqual([100, 5_001]);
    call(5_001, 5_301, Outcome.Timeout);
    expect(endpoint.latencyMs).toBe(300);
    call(5_301, 5_801, Outcome.ApplicationError);
    expect(endpoint.latencyMs).toBe(500);
  });

  it('rises by a call that was given up after longer than it is by then, and not by a shorter one', () => {
    const { endpoint, call } = world();
    call(0, 100);
    call(100, 150, Outcome.Cancelled);
    expect([endpoint.latencyMs, endpoint.latencyAtMs, endpoint.failureRatio]).toEqual([100, 100, 0]);
    // By now it would have decayed to 37 ms.
    call(10_050, 10_100, Outcome.Cancelled);
    expect([endpoint.latencyMs, endpoint.latencyAtMs]).toEqual([50, 10_100]);
  });

  it('does not begin with a call that was given up, and notes that there was one', () => {
    const { endpoint, call } = world();
    call(0, 100, Outcome.Cancelled);
    expect([endpoint.latencyMs, endpoint.latencyAtMs]).toEqual([Number.NaN, 100]);
    call(100, 400, Outcome.Cancelled);
    expect([endpoint.latencyMs, endpoint.latencyAtMs]).toEqual([Number.NaN, 100]);
    call(400, 420);
    expect(endpoint.latencyMs).toBe(20);
  });
});

describe('the share of calls that were not served', () => {
  it('begins with the first, moves by an eighth at least, and by the time that passed', () => {
    const { endpoint, call } = world();
    call(0, 10, Outcome.Failure);
    expect(endpoint.failureRatio).toBe(1);
    call(10, 10);
    expect(endpoint.failureRatio).toBe(7 / 8);
    call(10, 10_010);
    expect(endpoint.failureRatio).toBeCloseTo((7 / 8) * Math.exp(-1), 6);
    const well = world();
    well.call(0, 10);
    for (let i = 0; i < 8; i++) well.call(10, 10, Outcome.Overloaded);
    expect(well.endpoint.failureRatio).toBeCloseTo(1 - (7 / 8) ** 8, 6);
  });

  it('counts what the application says as served, and a timeout as not', () => {
    const { endpoint, call } = world();
    call(0, 10, Outcome.ApplicationError);
    expect(endpoint.failureRatio).toBe(0);
    call(10, 10, Outcome.Timeout);
    expect(endpoint.failureRatio).toBe(1 / 8);
  });
});
