import type { Endpoint, Lease } from 'fairlead';
import { Outcome } from 'fairlead';
import { Connecting, callPlanning } from 'fairlead/adapter';
import { describe, expect, it } from 'vitest';
import { endpoints, type TestMesh, testMesh } from '../support/mesh.js';

type Done = (error: Error | undefined, made?: string) => void;

/** Connects by hand: what it was asked for waits until the test settles it. */
function scene({ mesh, clock }: TestMesh, request = {}) {
  const service = mesh.service('users');
  const dials: { endpoint: Endpoint; done: Done; givenUp: boolean }[] = [];
  const ends: { error: Error | undefined; lease: Lease | undefined; made: string | undefined }[] = [];
  const connecting = new Connecting<string>(
    { service, planning: callPlanning(service), clock },
    request,
    (endpoint, done) => {
      const dial = { endpoint, done, givenUp: false };
      dials.push(dial);
      return () => {
        dial.givenUp = true;
      };
    },
    (error, lease, made) => void ends.push({ error, lease, made }),
  );
  return { service, dials, ends, connecting };
}

const refused = (): Error => Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
const users = { services: { users: { policy: 'round_robin' } } } as const;

describe('connecting to a service', () => {
  it('goes to another endpoint where one cannot be connected to, and hands the lease over', () => {
    const test = testMesh({ users: endpoints(3) }, users);
    const { service, dials, ends } = scene(test);
    dials[0]!.done(refused());
    test.clock.advance(0);
    expect(dials).toHaveLength(2);
    expect(dials[1]!.endpoint).not.toBe(dials[0]!.endpoint);
    dials[1]!.done(undefined, 'connected');
    expect(ends).toMatchObject([{ error: undefined, made: 'connected' }]);
    expect(dials[0]!.endpoint.failures).toBe(1);
    expect(dials[1]!.endpoint.inflight).toBe(1);
    ends[0]!.lease!.done(Outcome.Success);
    expect(service.endpoints.every(({ inflight }) => inflight === 0)).toBe(true);
    expect(service.callStats.retries).toBe(1);
  });

  it('ends with the last error where the service wants no more attempts', () => {
    const test = testMesh(
      { users: endpoints(5) },
      { services: { users: { resilience: { retry: { maxAttempts: 2 } } } } },
    );
    const { dials, ends } = scene(test);
    dials[0]!.done(refused());
    test.clock.advance(0);
    const last = refused();
    dials[1]!.done(last);
    test.clock.advance(60_000);
    expect(dials).toHaveLength(2);
    expect(ends).toEqual([{ error: last, lease: undefined, made: undefined }]);
  });

  it('waits for the first endpoints, as long as calls do', async () => {
    const late = testMesh({ users: [] }, users);
    const waiting = scene(late);
    expect(waiting.dials).toEqual([]);
    late.resolver.update('users', endpoints(1));
    await Promise.resolve();
    await Promise.resolve();
    expect(waiting.dials).toHaveLength(1);
    const never = testMesh({ users: [] }, users);
    const vain = scene(never);
    never.clock.advance(5_000);
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect(vain.ends).toMatchObject([{ error: { code: 'FAIRLEAD_NO_ENDPOINT' } }]);
  });

  it('gives the attempt up when it is cancelled, which says nothing of the endpoint', () => {
    const test = testMesh({ users: endpoints(1) }, users);
    const { dials, ends, connecting } = scene(test);
    connecting.cancel();
    connecting.cancel();
    expect(dials[0]!.givenUp).toBe(true);
    dials[0]!.done(refused());
    expect(ends).toEqual([]);
    expect(dials[0]!.endpoint).toMatchObject({ inflight: 0, failures: 0 });
  });

  it('makes no further attempt when it is cancelled between two, or while it waits', async () => {
    const test = testMesh({ users: endpoints(2) }, users);
    const { dials, ends, connecting } = scene(test);
    dials[0]!.done(refused());
    connecting.cancel();
    test.clock.advance(60_000);
    expect(dials).toHaveLength(1);
    const empty = testMesh({ users: [] }, users);
    const waiting = scene(empty);
    waiting.connecting.cancel();
    empty.resolver.update('users', endpoints(1));
    for (let i = 0; i < 5; i++) await Promise.resolve();
    expect([waiting.dials, waiting.ends, ends]).toEqual([[], [], []]);
  });
});
