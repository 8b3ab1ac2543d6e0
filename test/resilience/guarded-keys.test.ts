import { type FairleadError, Outcome, type ResilienceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { prepareMesh } from '../../src/mesh.js';
import { endpoints, testMesh } from '../support/mesh.js';

function guarded(resilience: ResilienceOptions, count = 2) {
  const test = testMesh({ users: endpoints(count) });
  return { ...test, service: test.mesh.service('users', { resilience, health: [] }) };
}

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'passed',
    ({ code }: FairleadError) => code,
  );

describe('a limit per key', () => {
  it('of a window alone, or beside a rate, refuses by the one that is used up', async () => {
    const { service, clock } = guarded({ limits: { windowPerKey: { max: 2, windowMs: 1_000 } } });
    const call = (clientKey?: string): Promise<unknown> =>
      codeOf(service.call(() => 1, clientKey === undefined ? {} : { clientKey }));
    expect([await call('a'), await call('a'), await call('a')]).toEqual(['passed', 'passed', 'FAIRLEAD_RATE_LIMITED']);
    expect(await call('b')).toBe('passed');
    clock.advance(1_101);
    expect(await call('a')).toBe('passed');

    const both = guarded({
      limits: { ratePerKey: { perSecond: 1, burst: 5 }, windowPerKey: { max: 2, windowMs: 1_000 } },
    });
    for (const expected of ['passed', 'passed', 'FAIRLEAD_RATE_LIMITED']) {
      expect(await codeOf(both.service.call(() => 1, { clientKey: 'a' }))).toBe(expected);
    }
  });

  it('is none for calls without a key', async () => {
    const { service } = guarded({
      limits: { ratePerKey: { perSecond: 1, burst: 1 }, windowPerKey: { max: 1, windowMs: 1_000 } },
    });
    for (let i = 0; i < 5; i++) expect(await codeOf(service.call(() => 1))).toBe('passed');
    expect(await codeOf(service.call(() => 1, { clientKey: '' }))).toBe('passed');
  });
});

describe('a limit that is shared with other processes', () => {
  const counting = (options: object = {}) => {
    const keys: (string | number)[] = [];
    const limiter = {
      consume: async (key: string | number) => {
        keys.push(key);
        return {};
      },
    };
    return { keys, ...guarded({ limits: { distributed: { limiter, ...options } } }) };
  };

  it('counts the key of a client as it is, and one that is a session by its hash alone', async () => {
    const { keys, service } = counting();
    await service.call(() => 1, { clientKey: 'client', key: 'session' });
    await service.call(() => 1, { clientKey: 'session-4711', key: 'session-4711' });
    await service.call(() => 1, { clientKey: 'session-4711', key: 'session-4711' });
    expect(keys[0]).toBe('client');
    expect(keys[1]).not.toContain('4711');
    expect(keys[2]).toBe(keys[1]);
  });

  it('charges no call without a key, unless all calls share it', async () => {
    const { keys, service } = counting();
    await service.call(() => 1);
    expect(keys).toEqual([]);
    const shared = counting({ shared: true });
    await shared.service.call(() => 1);
    await shared.service.call(() => 1, { clientKey: 'client' });
    expect(shared.keys).toEqual(['users', 'users']);
  });
});

describe('limits that change', () => {
  it('go on where they did not, in the midst of their calls', async () => {
    const rate = { perSecond: 1, burst: 3 };
    const { service, mesh } = guarded({ limits: { maxInflight: 2, rate } });
    const change = async (limits: object): Promise<void> => {
      const prepared = await prepareMesh(mesh, { services: { users: { health: [], resilience: { limits } } } }, 5_000);
      prepared.swap();
      prepared.settle();
    };
    const lease = service.acquire();
    service.acquire();
    await change({ maxInflight: 3, rate });
    service.acquire();
    // The third token was the last: the bucket is the one from before.
    lease.done(Outcome.Success);
    expect(() => service.acquire()).toThrow(expect.objectContaining({ code: 'FAIRLEAD_RATE_LIMITED' }));
    await change({ maxInflight: 3, rate: { perSecond: 1, burst: 9 } });
    service.acquire();
    expect(() => service.acquire()).toThrow(expect.objectContaining({ code: 'FAIRLEAD_TOO_MANY_CALLS' }));
    await change({});
    for (let i = 0; i < 20; i++) service.acquire();
  });
});
