import { definePolicy, Outcome, type Policy, type Resolver } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { routeCalls, startCanary } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const setUp = () => {
  const made = testMesh({ users: endpoints(2) });
  return { ...made, config: createConfigStore(made.mesh, { compare: false }) };
};
const ROUTED = { routing: { users: { split: { name: 'users', arms: { v2: { share: 5, version: '2' } } } } } };

describe('a document from a program', () => {
  it('holds what JSON can hold, and is refused where it does not', async () => {
    const { config } = setUp();
    const round: Record<string, unknown> = {};
    round.services = round;
    for (const document of [{ services: { users: { policy: () => 'random' } } }, round]) {
      await expect(config.apply(document as never)).rejects.toMatchObject({
        problems: [
          {
            ...{ path: '', line: undefined, column: undefined, nearest: undefined },
            message: 'The document holds a function, or itself: only what JSON can hold may be in one.',
          },
        ],
      });
    }
    expect(config.current).toBeUndefined();
  });
});

describe('a service that the program routes by itself', () => {
  it('is routed by no document, until that routing is closed', async () => {
    const { mesh, config } = setUp();
    const routing = routeCalls(mesh.service('users'), ROUTED.routing.users);
    await expect(config.apply(ROUTED)).rejects.toThrow(
      /users.* is routed by the program: close that routing first, or leave it out of the document/,
    );
    routing.close();
    await expect(config.apply(ROUTED)).resolves.toMatchObject({ number: 1 });
  });

  it('has no canary of a document beside one of the program', async () => {
    const { mesh, config } = setUp();
    mesh.service('users');
    await config.apply(ROUTED);
    startCanary(config.routing('users')!, { arm: 'v2', steps: [{ share: 10 }] });
    const canary = { arm: 'v2', steps: [{ share: 50 }] };
    await expect(config.apply({ routing: { users: { ...ROUTED.routing.users, canary } } } as never)).rejects.toThrow(
      /has a canary that the program began: close that one first/,
    );
    await expect(config.apply(ROUTED)).resolves.toBeDefined();
  });
});

describe('a store that is closed', () => {
  it('is ready with what it had, and never where it had nothing', async () => {
    const { config } = setUp();
    await config.apply({ defaults: { waitForReadyMs: 5 } });
    await config.close();
    await config.close();
    expect((await config.ready()).number).toBe(1);
    const empty = setUp();
    await empty.config[Symbol.asyncDispose]();
    await expect(empty.config.ready()).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    await expect(empty.config.apply({})).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
  });
});

describe('a mesh that closes while a document waits for a list of endpoints', () => {
  it('waits no longer for it, and keeps nothing', async () => {
    const signals: AbortSignal[] = [];
    const silent: Resolver = { name: 'silent', watch: (_query, _sink, signal) => void signals.push(signal) };
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const config = createConfigStore(mesh, { compare: false, resolvers: { silent: () => silent } });
    mesh.service('users');
    const applying = config.apply({ resolver: 'silent' } as never);
    const refused = expect(applying).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    await clock.advanceAsync(1);
    expect(signals).toHaveLength(1);
    await mesh.close();
    await refused;
    expect([signals[0]!.aborted, clock.pending, config.current]).toEqual([true, 0, undefined]);
  });
});

describe('pickers of a policy that are made ready for a document', () => {
  it('are closed where that is only looked at, or refused', async () => {
    let open = 0;
    const counted = definePolicy(
      'counted',
      (): Policy => ({
        name: 'counted',
        needsLatency: false,
        create() {
          open++;
          return {
            update: () => undefined,
            pick: () => {
              throw new Error('not picked by');
            },
            close: () => void open--,
          };
        },
      }),
    );
    const { mesh, clock } = testMesh({ users: endpoints(2) }, { policies: [counted] });
    const config = createConfigStore(mesh, { compare: false });
    mesh.service('users');
    const services = { users: { policy: 'counted' } } as never;
    expect((await config.plan({ services })).refused).toBeUndefined();
    expect(open).toBe(0);
    const refused = config.apply({ services, resolver: { static: { orders: ['127.0.0.1:1'] } } } as never);
    const waited = expect(refused).rejects.toBeDefined();
    await clock.advanceAsync(5_001);
    await waited;
    expect(open).toBe(0);
    await config.apply({ services });
    expect(open).toBe(1);
    await config.apply({});
    expect(open).toBe(0);
  });
});

describe('a check that a document adds', () => {
  it('leaves endpoints in use until it fails, also where there was none before and it is to pass first', async () => {
    const { mesh, clock, config, resolver } = setUp();
    const users = mesh.service('users');
    const checks = [{ tcp: { initially: 'unhealthy' as const, intervalMs: 600_000 } }];
    await config.apply({ services: { users: { checks } } });
    expect(users.rotation).toHaveLength(2);
    resolver.update('users', endpoints(3));
    expect(users.rotation.map(({ spec }) => spec.id)).toEqual(['e0', 'e1']);
    await mesh.close();
    expect(clock.pending).toBe(0);
  });
});

describe('sessions that a document ends', () => {
  it('leave no timer behind, also where their calls are in progress', async () => {
    const { mesh, clock, config } = setUp();
    const users = mesh.service('users');
    await config.apply({ services: { users: { affinity: true } } });
    const lease = users.acquire({ key: 'ada' });
    await config.apply({ services: { users: {} } });
    lease.done(Outcome.Success);
    users.acquire({ key: 'ada' }).done(Outcome.Success);
    await mesh.close();
    expect(clock.pending).toBe(0);
  });
});
