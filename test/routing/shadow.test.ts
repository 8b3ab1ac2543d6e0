import { setImmediate as turn } from 'node:timers/promises';
import type { Endpoint } from 'fairlead';
import { isShadow, routeCalls, type ShadowComparison, type ShadowOptions } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../support/mesh.js';

const instance = (id: string, port: number, version: string) => ({ id, host: '127.0.0.1', port, meta: { version } });

function world(options: Partial<ShadowOptions> = {}, services: object = {}) {
  const users = [instance('old', 1, '1'), instance('new', 2, '2')];
  const test = testMesh({ users }, { services: { users: services } });
  const service = test.mesh.service('users');
  const compared: ShadowComparison[] = [];
  const routing = routeCalls(service, {
    split: { name: 'users', arms: { v2: { share: 0, version: '2' } } },
    shadow: { arm: 'v2', share: 100, compare: (each) => compared.push(each), ...options },
  });
  const seen: string[] = [];
  const run = (endpoint: Endpoint): string => {
    seen.push(`${endpoint.spec.id}${isShadow() ? ' (shadow)' : ''}`);
    return endpoint.spec.id;
  };
  return { ...test, service, routing, run, seen, compared };
}

const idempotent = { idempotent: true, hedge: false } as const;

describe('a shadow', () => {
  it('gets a copy of an idempotent call, whose result is the call’s own', async () => {
    const { service, run, seen, routing, compared } = world();
    expect(await service.call(run, idempotent)).toBe('old');
    await turn();
    expect(seen).toEqual(['old', 'new (shadow)']);
    expect(routing.status.shadow).toEqual({ sent: 1, dropped: 0, answered: 1, failed: 0, differed: 0, inflight: 0 });
    expect(compared).toEqual([{ call: { outcome: 'success', ms: 0 }, shadow: { outcome: 'success', ms: 0 } }]);
  });

  it('gets none of a call that may not be made twice, or that is to have none', async () => {
    const { service, run, seen } = world();
    await service.call(run);
    await service.call(run, { ...idempotent, shadow: false });
    await turn();
    expect(seen).toEqual(['old', 'old']);
  });

  it('gets its share of the calls', async () => {
    const { service, run, routing } = world({ share: 10, maxInflight: 10_000 });
    for (let i = 0; i < 1_000; i++) await service.call(run, idempotent);
    const { sent } = routing.status.shadow!;
    expect(sent).toBeGreaterThan(60);
    expect(sent).toBeLessThan(140);
  });

  it('fails and throws without a trace in the call, or in the health of its endpoint', async () => {
    const { service, routing, compared } = world();
    const run = (endpoint: Endpoint): string => {
      if (endpoint.spec.id === 'new') throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      return 'well';
    };
    for (let i = 0; i < 20; i++) expect(await service.call(run, idempotent)).toBe('well');
    await turn();
    expect(routing.status.shadow).toMatchObject({ sent: 20, answered: 0, failed: 20, differed: 20 });
    expect(compared.at(-1)).toMatchObject({ call: { outcome: 'success' }, shadow: { outcome: 'connect_failure' } });
    expect(service.endpoints.map(({ state, failures, inflight }) => [state, failures, inflight])).toEqual([
      ['ready', 0, 0],
      ['ready', 0, 0],
    ]);
    expect(routing.status.arms.v2!.calls).toBe(0);
    expect(service.callStats.retries).toBe(0);
  });

  it('is given up at its deadline, and is not waited for', async () => {
    const { service, routing, clock, compared } = world({ deadlineMs: 100 });
    let aborted = false;
    const run = (endpoint: Endpoint, signal: AbortSignal): Promise<string> | string => {
      if (endpoint.spec.id === 'old') return 'well';
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      return new Promise(() => {});
    };
    expect(await service.call(run, idempotent)).toBe('well');
    await turn();
    expect(routing.status.shadow).toMatchObject({ sent: 1, inflight: 1 });
    await clock.advanceAsync(100);
    expect(aborted).toBe(true);
    expect(routing.status.shadow).toMatchObject({ failed: 1, inflight: 0 });
    expect(compared[0]?.shadow).toEqual({ outcome: 'timeout', ms: 100 });
    expect(clock.pending).toBe(0);
  });

  it('ends with its service, which does not wait for it', async () => {
    const { service, routing, clock, compared } = world({ deadlineMs: 60_000 });
    let reason: unknown;
    const run = (endpoint: Endpoint, signal: AbortSignal): Promise<string> | string => {
      if (endpoint.spec.id === 'old') return 'well';
      signal.addEventListener('abort', () => {
        reason = signal.reason;
      });
      return new Promise(() => {});
    };
    await service.call(run, idempotent);
    await turn();
    await service.close({ deadlineMs: 30_000 });
    expect(reason).toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(routing.status.shadow).toMatchObject({ sent: 1, failed: 0, differed: 0, inflight: 0 });
    expect(compared).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('is dropped where too many are under way, or no endpoint of the arm is there', async () => {
    const { service, routing, resolver } = world({ maxInflight: 2, deadlineMs: 1_000 });
    const run = (endpoint: Endpoint): Promise<string> | string =>
      endpoint.spec.id === 'old' ? 'well' : new Promise(() => {});
    for (let i = 0; i < 5; i++) await service.call(run, idempotent);
    expect(routing.status.shadow).toMatchObject({ sent: 2, dropped: 3 });
    const none = world();
    none.resolver.update('users', [instance('old', 1, '1')]);
    await none.service.call(none.run, idempotent);
    expect(none.routing.status.shadow).toMatchObject({ sent: 0, dropped: 1 });
    resolver.update('users', []);
  });

  it('keeps count of what is under way when the shares change', async () => {
    const { service, routing } = world({ maxInflight: 2 });
    const run = (endpoint: Endpoint): Promise<string> | string =>
      endpoint.spec.id === 'old' ? 'well' : new Promise(() => {});
    for (let i = 0; i < 5; i++) {
      routing.setShare('v2', 0);
      await service.call(run, idempotent);
    }
    expect(routing.status.shadow).toMatchObject({ sent: 2, dropped: 3, inflight: 2 });
  });

  it('has no shadow of its own', async () => {
    const { service, seen, run } = world();
    await service.call(async (endpoint) => {
      run(endpoint);
      if (endpoint.spec.id === 'new') await service.call(run, idempotent);
    }, idempotent);
    await turn();
    expect(seen).toEqual(['old', 'new (shadow)', 'old (shadow)']);
  });

  it('stands outside the limits of calls', async () => {
    const { service, run, routing } = world({}, { resilience: { limits: { maxInflight: 1 } } });
    for (let i = 0; i < 10; i++) await service.call(run, idempotent);
    expect(routing.status.shadow).toMatchObject({ sent: 10 });
    expect(service.callStats.refused).toBe(0);
  });

  it('leaves a call that fails unhandled as it is', async () => {
    const { service } = world();
    const broken = new Error('mine');
    await expect(
      service.call(() => {
        throw broken;
      }, idempotent),
    ).rejects.toBe(broken);
  });

  it.each([
    [{ arm: 'v3', share: 1 }, /shadow\.arm is "v3": allowed is an arm of the split: v2/],
    [{ arm: 'v2' }, /shadow\.share is undefined|0\.01 to 100/],
    [{ arm: 'v2', share: 1, maxInflight: 0 }, /maxInflight is 0/],
    [{ arm: 'v2', share: 1, judge: true }, /judge is not an option/],
  ])('refuses %j', (shadow, message) => {
    const { routing } = world();
    const split = { name: 'users', arms: { v2: { share: 0, version: '2' } } };
    expect(() => routing.update({ split, shadow: shadow as never })).toThrow(message);
  });
});
