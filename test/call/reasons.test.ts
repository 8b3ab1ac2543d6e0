import { attemptsOf, createMesh, customCheck, type Endpoint, type FairleadError } from 'fairlead';
import { ManualClock, scriptedResolver, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

async function errorOf(call: Promise<unknown>): Promise<FairleadError> {
  return call.then(
    () => expect.unreachable('it should have failed'),
    (error: FairleadError) => error,
  );
}

const never = (): Promise<never> => new Promise(() => undefined);

describe('a call that ends with its deadline says why it had not ended before', () => {
  it('where discovery has not answered', async () => {
    const clock = new ManualClock();
    const script = { users: [{ atMs: 10, error: new Error('the agent is gone') }] };
    const mesh = createMesh({ resolver: scriptedResolver({ clock, script }), clock, random: seededRandom(1) });
    const late = errorOf(mesh.service('users').call(() => 1, { deadlineMs: 1_000 }));
    await clock.advanceAsync(1_000);
    const error = await late;
    expect(error.code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect((error.cause as FairleadError).code).toBe('FAIRLEAD_NO_ENDPOINT');
    expect(error.message).toMatch(/deadline of 1000 ms: .*discovery has not answered yet .*the agent is gone/);
  });

  it('where its turn has not come', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const users = mesh.service('users', { resilience: { limits: { maxInflight: 1, maxPending: 1 } } });
    void users.call(never);
    const late = errorOf(users.call(never, { deadlineMs: 100 }));
    await clock.advanceAsync(100);
    const error = await late;
    expect(error.code).toBe('FAIRLEAD_DEADLINE_EXCEEDED');
    expect((error.cause as FairleadError).code).toBe('FAIRLEAD_TOO_MANY_CALLS');
    expect(error.message).toMatch(/within its deadline of 100 ms.*as many as resilience\.limits allows are in flight/);
  });

  it('where it waited for its turn to be repeated', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const users = mesh.service('users', { resilience: { limits: { maxInflight: 1, maxPending: 1 } } });
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
    const hogs: Promise<unknown>[] = [];
    const late = errorOf(
      users.call(
        () => {
          queueMicrotask(() => {
            if (hogs.length === 0) hogs.push(users.call(never).catch(() => undefined));
          });
          return Promise.reject(refused);
        },
        { deadlineMs: 100, retry: { baseDelayMs: 50 } },
      ),
    );
    await clock.advanceAsync(100);
    const error = await late;
    expect([error.code, error.cause]).toEqual(['FAIRLEAD_DEADLINE_EXCEEDED', refused]);
    expect(attemptsOf(error)).toHaveLength(1);
  });
});

describe('a call whose endpoints are replaced before its turn by some that are not checked yet', () => {
  it('is told so, and not to use call(), as acquire() is', async () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(1) });
    const ask = ({ port }: { port: number }) => (port === 5_000 ? Promise.resolve() : never());
    const check = customCheck({ ask, initially: 'unhealthy' });
    const asked: ((none: undefined) => void)[] = [];
    const store = { load: () => new Promise<undefined>((answer) => asked.push(answer)), bind: never };
    const users = mesh.service('users', { checks: [check], affinity: { store, loadTimeoutMs: 60_000 } });
    await clock.advanceAsync(2_000);
    const failed = errorOf(users.call(() => 1, { key: 'alice' }));
    await clock.advanceAsync(1);
    resolver.update('users', [{ id: 'new', host: '127.0.0.1', port: 6_000 }]);
    await clock.advanceAsync(1);
    for (const answer of asked) answer(undefined);
    const { code, message } = await failed;
    expect(code).toBe('FAIRLEAD_NO_ENDPOINT');
    expect(message).toMatch(/none of its 1 endpoints has passed its first check yet\. call\(\) waits waitForReadyMs/);
    expect(() => users.acquire()).toThrow(/has passed its first check yet\. Await ready\(\) first, or use call\(\)/);
  });
});

describe('a service that a static resolver does not list', () => {
  it('is refused at once, by the reason', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const error = await errorOf(mesh.service('usres').call(() => 1));
    expect(error.code).toBe('FAIRLEAD_NO_ENDPOINT');
    expect(error.message).toMatch(/staticResolver has no list for 'usres', only for 'users'/);
    expect(clock.pending).toBe(0);
  });

  it('is found once it is listed', async () => {
    const { mesh, resolver } = testMesh({ users: endpoints(1) });
    const service = mesh.service('late');
    await errorOf(service.call(() => 1));
    resolver.update('late', endpoints(1));
    expect(await service.call((endpoint: Endpoint) => endpoint.spec.id)).toBe('e0');
  });

  it('is waited for where its list is empty: instances are on their way', async () => {
    const { mesh, resolver, clock } = testMesh({ users: [] });
    const service = mesh.service('users');
    const call = service.call((endpoint: Endpoint) => endpoint.spec.id);
    await clock.advanceAsync(1_000);
    resolver.update('users', endpoints(1));
    expect(await call).toBe('e0');
  });
});

describe('the end of a service', () => {
  it('ends the pause before a repeat', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const users = mesh.service('users');
    const busy = Object.assign(new Error('busy'), { status: 429, retryAfterMs: 6_000 });
    const failed = errorOf(users.call(() => Promise.reject(busy), { idempotent: true }));
    await clock.advanceAsync(10);
    expect(clock.pending).toBe(1);
    await mesh.close();
    expect(await failed).toBe(busy);
    expect(clock.pending).toBe(0);
  });

  it('ends the wait for a first endpoint', async () => {
    const { mesh, clock } = testMesh({ users: [] });
    const failed = errorOf(mesh.service('users').call(() => 1));
    await clock.advanceAsync(10);
    await mesh.close();
    expect((await failed).code).toBe('FAIRLEAD_CLOSED');
    expect(clock.pending).toBe(0);
  });
});

describe('an idempotent call', () => {
  it('is made elsewhere as well once it had no answer for half a second', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const users = mesh.service('users', { policy: 'round_robin' });
    const ids: string[] = [];
    const call = users.call(
      ({ spec }, signal) => {
        ids.push(spec.id);
        return ids.length === 1
          ? new Promise<string>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
          : spec.id;
      },
      { idempotent: true, deadlineMs: 1_000 },
    );
    await clock.advanceAsync(499);
    expect(ids).toHaveLength(1);
    await clock.advanceAsync(1);
    expect(await call).toBe(ids[1]);
    expect([users.callStats.hedges, users.callStats.hedgesWon]).toEqual([1, 1]);
    expect(clock.pending).toBe(0);
  });

  it('has three attempts at once at most, and one that is not idempotent has one', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const users = mesh.service('users');
    let begun = 0;
    const hang = (): Promise<never> => {
      begun++;
      return never();
    };
    const calls = [users.call(hang, { idempotent: true, deadlineMs: 5_000 }), users.call(hang, { deadlineMs: 5_000 })];
    const ended = Promise.allSettled(calls);
    await clock.advanceAsync(5_000);
    await ended;
    expect(begun).toBe(4);
  });

  it.each([{ hedge: false }, { hedge: { afterMs: 2_000 } }])(
    'is not where the service says otherwise: %j',
    async (resilience) => {
      const { mesh, clock } = testMesh({ users: endpoints(3) });
      const users = mesh.service('users', { resilience });
      let begun = 0;
      const call = users.call(
        () => {
          begun++;
          return never();
        },
        { idempotent: true, deadlineMs: 1_000 },
      );
      const ended = errorOf(call);
      await clock.advanceAsync(1_000);
      await ended;
      expect(begun).toBe(1);
    },
  );
});
