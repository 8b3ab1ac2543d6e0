import { type Endpoint, type FairleadError, Outcome, type ResilienceOptions, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function guarded(resilience: ResilienceOptions, count: number, more: ServiceOptions = {}) {
  const test = testMesh({ users: endpoints(count) });
  return { ...test, service: test.mesh.service('users', { health: [], ...more, resilience }) };
}

type Service = ReturnType<typeof guarded>['service'];

/** A call that goes on until told to end. */
function open(service: Service, options?: object) {
  let end = (): void => undefined;
  let at: string | undefined;
  const done = service.call((endpoint: Endpoint) => {
    at = endpoint.spec.id;
    return new Promise<void>((resolve) => {
      end = resolve;
    });
  }, options);
  return { done, end: () => end(), at: () => at };
}

async function errorOf(call: Promise<unknown>): Promise<FairleadError> {
  return call.then(
    () => expect.unreachable('it should have failed'),
    (error: FairleadError) => error,
  );
}

describe('calls that wait for a limit of calls in flight', () => {
  it('begin on an endpoint that arrives, although no call has ended', async () => {
    const { service, resolver, clock } = guarded({ limits: { maxInflightPerEndpoint: 2, maxPending: 100 } }, 1);
    const calls = Array.from({ length: 7 }, () => open(service));
    await clock.advanceAsync(0);
    expect(calls.map((call) => call.at())).toEqual(['e0', 'e0', ...Array(5).fill(undefined)]);
    resolver.update('users', endpoints(3));
    await clock.advanceAsync(0);
    expect(calls.filter((call) => call.at() !== undefined)).toHaveLength(6);
    expect(calls[6]!.at()).toBeUndefined();
    // A newcomer waits behind those that were there before.
    const newcomer = open(service);
    calls[2]!.end();
    await clock.advanceAsync(0);
    expect([calls[6]!.at() !== undefined, newcomer.at()]).toEqual([true, undefined]);
  });

  it('begin on the replacement of an endpoint that hangs', async () => {
    const { service, resolver, clock } = guarded({ limits: { maxInflightPerEndpoint: 1, maxPending: 10 } }, 1);
    open(service);
    const waiting = [open(service), open(service)];
    resolver.update('users', []);
    resolver.update('users', endpoints(3).slice(1));
    await clock.advanceAsync(0);
    expect(waiting.map((call) => call.at()).sort()).toEqual(['e1', 'e2']);
  });

  it('begin on an endpoint that returns from its ejection', async () => {
    const { service, clock, mesh } = guarded({ limits: { maxInflightPerEndpoint: 1, maxPending: 10 } }, 2, {
      health: [
        {
          name: 'mine',
          create: () => ({
            record: (_, outcome) => (outcome === Outcome.ConnectFailure ? 500 : 0),
            probed: () => 0,
            confirmed: () => {},
            forget: () => {},
          }),
        },
      ],
    });
    const ejected = service.acquire();
    ejected.done(Outcome.ConnectFailure);
    const first = open(service);
    const second = open(service);
    await clock.advanceAsync(499);
    expect([first.at() !== undefined, second.at()]).toEqual([true, undefined]);
    await clock.advanceAsync(1);
    expect(second.at()).toBe(ejected.endpoint.spec.id);
    void mesh;
  });

  it('begin when the pause of a breaker is over, although the endpoint beside it stays full', async () => {
    const { service, clock } = guarded(
      {
        breakerPerEndpoint: { consecutiveFailures: 1, openMs: 1_000, jitterRatio: 0 },
        limits: { maxInflightPerEndpoint: 1, maxPending: 10 },
      },
      2,
    );
    const broken = service.acquire();
    broken.done(Outcome.ConnectFailure);
    const first = open(service);
    const second = open(service);
    await clock.advanceAsync(999);
    expect([first.at() !== undefined, second.at()]).toEqual([true, undefined]);
    await clock.advanceAsync(1);
    expect(second.at()).toBe(broken.endpoint.spec.id);
  });

  it('begin when an endpoint has a token again, although the one beside it stays full', async () => {
    const { service, clock } = guarded(
      { limits: { ratePerEndpoint: { perSecond: 1, burst: 1 }, maxInflightPerEndpoint: 1, maxPending: 10 } },
      2,
    );
    const spent = service.acquire();
    spent.done(Outcome.Success);
    open(service);
    const second = open(service);
    await clock.advanceAsync(999);
    expect(second.at()).toBeUndefined();
    await clock.advanceAsync(1);
    expect(second.at()).toBe(spent.endpoint.spec.id);
    expect(clock.pending).toBe(0);
  });

  it('leave no timer behind when they give up', async () => {
    const { service, clock } = guarded(
      { limits: { ratePerEndpoint: { perSecond: 0.1, burst: 1 }, maxInflightPerEndpoint: 1, maxPending: 10 } },
      2,
    );
    service.acquire().done(Outcome.Success);
    const first = open(service);
    const second = open(service, { deadlineMs: 10 });
    const late = errorOf(second.done);
    await clock.advanceAsync(10);
    expect((await late).code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    first.end();
    await first.done;
    expect(clock.pending).toBe(0);
  });

  it('do not hold up others behind one whose session has to wait for its own endpoint', async () => {
    const { service, clock } = guarded({ limits: { maxInflightPerEndpoint: 1, maxPending: 100 } }, 2, {
      affinity: { onUnavailable: 'fail' },
    });
    const bind = async (key: string): Promise<string> => service.call((endpoint) => endpoint.spec.id, { key });
    const home = new Map<string, string>();
    for (let i = 0; home.size < 20; i++) home.set(`k${i}`, await bind(`k${i}`));
    const at = (id: string): string[] => [...home].filter(([, each]) => each === id).map(([key]) => key);
    const hog = open(service, { key: at('e0')[0] });
    const held = [1, 2, 3].map((i) => open(service, { key: at('e0')[i] }));
    await clock.advanceAsync(0);
    expect(held.map((call) => call.at())).toEqual([undefined, undefined, undefined]);
    // The other endpoint is idle all the time.
    for (let i = 0; i < 5; i++) {
      const other = open(service, { key: at('e1')[i] });
      await clock.advanceAsync(0);
      expect(other.at()).toBe('e1');
      other.end();
      await other.done;
    }
    for (const [index, call] of [hog, ...held].entries()) {
      expect([hog, ...held].map((each) => each.at())).toEqual(
        Array.from({ length: 4 }, (_, i) => (i <= index ? 'e0' : undefined)),
      );
      call.end();
      await call.done;
      await clock.advanceAsync(0);
    }
  });

  it('all end with the service', async () => {
    const { service, clock, mesh } = guarded({ limits: { maxInflightPerEndpoint: 1, maxPending: 100 } }, 1);
    const first = open(service);
    const errors = Array.from({ length: 3 }, () => errorOf(open(service).done));
    const closed = mesh.close();
    await clock.advanceAsync(0);
    expect((await Promise.all(errors)).map((error) => error.code)).toEqual(Array(3).fill('FAIRLEAD_CLOSED'));
    first.end();
    await first.done;
    await closed;
  });

  it('find the one endpoint with room among hundreds that are full', async () => {
    const count = 300;
    const { service, clock } = guarded({ limits: { maxInflightPerEndpoint: 1, maxPending: 10 } }, count);
    const leases = new Map<Endpoint, { done(outcome: Outcome): void }>();
    for (let tries = 0; leases.size < count && tries < 100_000; tries++) {
      clock.advance(1);
      try {
        const lease = service.acquire();
        leases.set(lease.endpoint, lease);
      } catch {
        // Sixteen that are full speak for all, for a millisecond.
      }
    }
    expect(leases.size).toBe(count);
    const waiting = open(service);
    const [free, lease] = [...leases][217]!;
    lease.done(Outcome.Success);
    await clock.advanceAsync(0);
    expect(waiting.at()).toBe(free.spec.id);
  });
});
