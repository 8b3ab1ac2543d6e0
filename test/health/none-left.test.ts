import { endpointControl, Outcome, type Service } from 'fairlead';
import type { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { drive, ejections } from '../support/drive.js';
import { endpoints, testMesh } from '../support/mesh.js';

const BASE_MS = 30_000;

/** Three servers, of which e0 is out. */
function oneOut(outcome: Outcome): { service: Service; clock: ManualClock } {
  const { mesh, clock } = testMesh({ users: endpoints(3) });
  const service = mesh.service('users', {
    policy: 'round_robin',
    health: [{ consecutive_failures: { baseEjectionMs: BASE_MS, jitterRatio: 0 } }],
  });
  drive(service, 15, (id) => (id === 'e0' ? outcome : Outcome.Success));
  expect(service.endpoints.map(({ state }) => state)).toEqual(['ejected', 'ready', 'ready']);
  return { service, clock };
}

/** How often e0 was asked in this time, by a call each 50 ms that all others fail. */
function askedFor(ms: number, { service, clock }: ReturnType<typeof oneOut>, outcome: Outcome): number {
  let asked = 0;
  for (const endMs = clock.now() + ms; clock.now() < endMs; clock.advance(50)) {
    const lease = service.acquire();
    if (lease.endpoint.spec.id === 'e0') asked++;
    lease.done(outcome);
  }
  return asked;
}

describe('of three servers, where those left fail and have to stay', () => {
  it.each([
    ['cannot be reached', Outcome.ConnectFailure],
    ['fail', Outcome.Failure],
  ])('one that is out is asked before its time: all of them %s', async (_, outcome) => {
    const { service, clock } = oneOut(outcome);
    clock.advance(1_000);
    // e0 is back, the others go.
    drive(service, 10, () => outcome);
    const served = await service.call(({ spec }) => spec.id);
    expect(served).toBe('e0');
    expect(service.endpoints[0]!.state).toBe('ready');
  });

  it('one that an operator took out is asked when that ends, or is restored', () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { policy: 'round_robin', panicThreshold: 0 });
    const control = endpointControl(service);
    control.eject('e0', { forMs: 60_000, by: 'mara', reason: 'a look at it' });
    expect(askedFor(59_000, { service, clock }, Outcome.ConnectFailure)).toBe(0);
    // Out again by the call that probed it, which is as by a signal.
    expect(askedFor(5_000, { service, clock }, Outcome.ConnectFailure)).toBeGreaterThan(2);
    control.restore('e0');
    control.eject('e0', { forMs: 600_000 });
    expect(askedFor(10_000, { service, clock }, Outcome.ConnectFailure)).toBe(0);
    control.restore('e0');
    expect(askedFor(1_000, { service, clock }, Outcome.ConnectFailure)).toBeGreaterThan(0);
  });

  it('a repeat of the call that found all of them out reaches it', async () => {
    const { service, clock } = oneOut(Outcome.ConnectFailure);
    clock.advance(1_000);
    drive(service, 8, () => Outcome.ConnectFailure);
    const asked: string[] = [];
    const call = service.call(({ spec }) => {
      asked.push(spec.id);
      if (spec.id !== 'e0') throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      return spec.id;
    });
    await clock.advanceAsync(1_000);
    expect(await call).toBe('e0');
    expect(asked.slice(0, 2).sort()).toEqual(['e1', 'e2']);
  });

  it('it is asked once a second, and stays out no longer for that', () => {
    const test = oneOut(Outcome.ConnectFailure);
    const seen = ejections(test.service);
    const asked = askedFor(10_000, test, Outcome.ConnectFailure);
    expect(asked).toBeGreaterThanOrEqual(8);
    expect(asked).toBeLessThanOrEqual(10);
    expect(seen.filter(({ enforced }) => enforced)).toEqual([]);
    // All of them are back: it returns when it would have.
    drive(test.service, 2);
    expect(test.service.endpoints[0]!.state).toBe('ejected');
    test.clock.advance(BASE_MS - 10_000);
    drive(test.service, 1);
    expect(test.service.endpoints.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready']);
  });

  it('it is not asked while one of them answers', () => {
    const { service, clock } = oneOut(Outcome.ConnectFailure);
    clock.advance(1_000);
    for (let i = 0; i < 100; i++) {
      drive(service, 2, (id) => (id === 'e1' ? Outcome.ConnectFailure : Outcome.Success));
      clock.advance(50);
      expect(service.endpoints[0]!.state).toBe('ejected');
    }
  });

  it('one that hangs is not asked where those left refuse at once', () => {
    const { service, clock } = oneOut(Outcome.Timeout);
    clock.advance(1_000);
    drive(service, 20, () => Outcome.Failure);
    expect(service.endpoints[0]!.state).toBe('ejected');
  });
});
