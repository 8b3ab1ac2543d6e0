import {
  connectFailures,
  consecutiveFailures,
  failurePercentage,
  type HealthSignal,
  latencyOutliers,
  Outcome,
  type ServiceOptions,
  successRate,
} from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function service(count: number, options: ServiceOptions = {}) {
  const test = testMesh({ users: endpoints(count) });
  const users = test.mesh.service('users', { policy: 'round_robin', panicThreshold: 0, ...options });
  const out = (): number => users.endpoints.filter(({ state }) => state === 'ejected').length;
  return { ...test, users, out };
}

/**
 * Every call of an endpoint whose number is below `bad` ends so, and takes `badMs`; the others
 * answer in a millisecond.
 */
async function run(
  test: ReturnType<typeof service>,
  bad: number,
  outcome: Outcome,
  { calls = 2_000, badMs = 1 } = {},
): Promise<void> {
  for (let i = 0; i < calls; i++) {
    const lease = test.users.acquire();
    const isBad = Number(lease.endpoint.spec.id.slice(1)) < bad;
    test.clock.advance(isBad ? badMs : 1);
    lease.done(isBad ? outcome : Outcome.Success);
  }
  await test.clock.advanceAsync(10_000);
}

describe('answers that fail', () => {
  it('to one client with one key take one endpoint of ten, not half of them', () => {
    const test = service(10, { policy: 'least_request' });
    // A poison request: whoever gets it answers 500. It is made again and again, wherever that
    // goes.
    for (let i = 0; i < 1_000; i++) test.users.acquire().done(Outcome.Failure);
    expect(test.out()).toBe(1);
  });

  it.each([
    [1, 1],
    [2, 1],
    [19, 1],
    [20, 2],
    [100, 10],
  ])('eject of %d endpoints %d', (count, allowed) => {
    const test = service(count);
    for (let i = 0; i < 40 * count; i++) test.users.acquire().done(Outcome.Failure);
    expect(test.out()).toBe(allowed);
  });

  const judges: [string, HealthSignal][] = [
    ['consecutive_failures', consecutiveFailures({ baseEjectionMs: 1_000_000, maxEjectionMs: 1_000_000 })],
    [
      'success_rate',
      successRate({ stdevFactor: 0.5, requestVolume: 10, baseEjectionMs: 1_000_000, maxEjectionMs: 1_000_000 }),
    ],
    [
      'failure_percentage',
      failurePercentage({ requestVolume: 10, baseEjectionMs: 1_000_000, maxEjectionMs: 1_000_000 }),
    ],
  ];

  it.each(judges)('are capped at a tenth, timeouts and refused connections at half: %s', async (_, signal) => {
    const outs: number[] = [];
    for (const outcome of [Outcome.Failure, Outcome.Timeout, Outcome.ConnectFailure]) {
      const test = service(20, { health: [signal] });
      await run(test, 12, outcome);
      await run(test, 12, outcome);
      outs.push(test.out());
    }
    expect(outs).toEqual([2, 10, 10]);
  });

  it('are what slow answers are, too', async () => {
    const signal = latencyOutliers({
      intervals: 1,
      intervalMs: 45_000,
      requestVolume: 5,
      baseEjectionMs: 1_000_000,
      maxEjectionMs: 1_000_000,
    });
    const test = service(20, { health: [signal] });
    await run(test, 8, Outcome.Success, { badMs: 100, calls: 1_000 });
    expect(test.out()).toBe(2);
  });

  it('leave room for endpoints that cannot be reached', () => {
    const test = service(20, { health: [consecutiveFailures(), connectFailures()] });
    for (let i = 0; i < 400; i++) test.users.acquire().done(Outcome.Failure);
    expect(test.out()).toBe(2);
    for (let i = 0; i < 400; i++) test.users.acquire().done(Outcome.ConnectFailure);
    expect(test.out()).toBe(10);
  });

  it('return one that is out where half are, and another cannot be reached', () => {
    const test = service(4);
    const outcomes: Record<string, Outcome> = {
      e0: Outcome.Failure,
      e1: Outcome.ConnectFailure,
      e2: Outcome.ConnectFailure,
    };
    for (let i = 0; i < 200; i++) {
      const lease = test.users.acquire();
      lease.done(outcomes[lease.endpoint.spec.id] ?? Outcome.Success);
    }
    expect(test.users.endpoints.map(({ state }) => state)).toEqual(['ready', 'ejected', 'ejected', 'ready']);
  });
});

describe('a probe that is answered by a failure', () => {
  it('keeps no endpoint out beyond the cap for answers, although it could not be reached before', async () => {
    const test = service(4);
    const fail = (id: string, outcome: Outcome): void => {
      for (let i = 0; i < 40; i++) {
        const lease = test.users.acquire();
        lease.done(lease.endpoint.spec.id === id ? outcome : Outcome.Success);
      }
    };
    const states = (): string[] => test.users.endpoints.map(({ state }) => state);
    fail('e1', Outcome.ConnectFailure);
    await test.clock.advanceAsync(20_000);
    fail('e0', Outcome.Failure);
    expect(states()).toEqual(['ejected', 'ejected', 'ready', 'ready']);
    await test.clock.advanceAsync(14_000);
    expect(states()[1]).toBe('probing');
    fail('e1', Outcome.Failure);
    expect(states()).toEqual(['ejected', 'ready', 'ready', 'ready']);
  });
});

describe('maxEjectionRatio', () => {
  it('as a number holds for both', () => {
    const test = service(10, { maxEjectionRatio: 0.4 });
    for (let i = 0; i < 400; i++) test.users.acquire().done(Outcome.Failure);
    expect(test.out()).toBe(4);
  });

  it('may be given for one of them', () => {
    const test = service(10, { maxEjectionRatio: { answers: 0.3 } });
    for (let i = 0; i < 400; i++) test.users.acquire().done(Outcome.Failure);
    expect(test.out()).toBe(3);
    for (let i = 0; i < 400; i++) test.users.acquire().done(Outcome.Timeout);
    expect(test.out()).toBe(5);
  });

  it.each([
    [2, /maxEjectionRatio is 2: allowed is a number from 0 to 1/],
    [{ answers: -1 }, /maxEjectionRatio\.answers is -1: allowed is a number from 0 to 1/],
    [{ unreachable: '1' }, /maxEjectionRatio\.unreachable is "1"/],
    [{ other: 1 }, /maxEjectionRatio\.other is not an option/],
  ])('is refused where it is %j', (maxEjectionRatio, message) => {
    expect(() => service(1, { maxEjectionRatio: maxEjectionRatio as never })).toThrow(message);
  });
});
