import { type Mesh, Outcome, type ServiceOptions, staticResolver } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { type MeshTarget, prepareMesh } from '../../src/mesh.js';
import { endpoints, testMesh } from '../support/mesh.js';

async function change(mesh: Mesh, target: MeshTarget): Promise<void> {
  const prepared = await prepareMesh(mesh, target, 5_000);
  prepared.swap();
  prepared.settle();
}

function fail(mesh: Mesh, id: string, times: number): void {
  const service = mesh.service('users');
  for (let i = 0; i < times; i++) service.acquire({ prefer: id }).done(Outcome.Failure);
}

const users = (options: ServiceOptions): MeshTarget => ({ services: { users: options } });

describe('options of a service that change while it runs', () => {
  it('are in force for the next call: another policy, a limit, a deadline', async () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { policy: 'random' });
    await change(mesh, users({ policy: 'round_robin', resilience: { limits: { maxInflight: 3 } } }));
    const picked = Array.from({ length: 3 }, () => service.acquire().endpoint.spec.id);
    expect(picked.toSorted()).toEqual(['e0', 'e1', 'e2']);
    expect(() => service.acquire()).toThrow(/in flight/);
    await change(mesh, users({ policy: 'round_robin', resilience: { deadlineMs: 0 } }));
    await expect(service.call(() => 1)).rejects.toMatchObject({ code: 'FAIRLEAD_DEADLINE_EXCEEDED' });
    await change(mesh, {});
    await expect(service.call(() => 1)).resolves.toBe(1);
  });

  it('leave counters, estimates and ejections of endpoints as they are', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { policy: 'peak_ewma' });
    const slow = service.acquire();
    clock.advance(40);
    slow.done(Outcome.Success);
    fail(mesh, 'e1', 5);
    const before = service.endpoints.map((each) => ({
      each,
      calls: each.calls,
      ms: each.latencyMs,
      state: each.state,
    }));
    expect(before.map(({ state }) => state)).toContain('ejected');
    await change(
      mesh,
      users({ policy: { peak_ewma: { choices: 3 } }, panicThreshold: 0.1, slowStart: { windowMs: 500 } }),
    );
    for (const { each, calls, ms, state } of before) {
      expect(service.endpoints).toContain(each);
      expect(each).toMatchObject({ calls, latencyMs: ms, state });
    }
    clock.advance(33_000);
    expect(service.endpoints.find(({ spec }) => spec.id === 'e1')!.state).toBe('probing');
  });

  it('keep what a health signal counted that did not change, and begin anew where it did', async () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { policy: 'round_robin' });
    const state = (): string => service.endpoints[1]!.state;
    fail(mesh, 'e1', 4);
    await change(mesh, users({ panicThreshold: 0 }));
    fail(mesh, 'e1', 1);
    expect(state()).toBe('ejected');
    service.reportRecovered(service.endpoints[1]!);
    fail(mesh, 'e1', 4);
    await change(mesh, users({ health: [{ consecutive_failures: { failures: 6 } }] }));
    fail(mesh, 'e1', 5);
    expect(state()).toBe('ready');
    fail(mesh, 'e1', 1);
    expect(state()).toBe('ejected');
  });

  it('keep breakers whose options did not change open, and budgets spent', async () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const breaker = { consecutiveFailures: 2, openMs: 60_000, maxOpenMs: 60_000 };
    const retry = { budget: { ratio: 0, minPerSecond: 1, windowMs: 2_000 }, baseDelayMs: 0 };
    const given: ServiceOptions = { health: [], resilience: { breaker, retry } };
    const service = mesh.service('users', given);
    for (let i = 0; i < 2; i++) service.acquire().done(Outcome.Failure);
    expect(() => service.acquire()).toThrow(/circuit/i);
    await change(mesh, users({ resilience: { breaker, retry, limits: { maxInflight: 9 } } }));
    expect(() => service.acquire()).toThrow(/circuit/i);
    await change(mesh, users({ resilience: { retry, limits: { maxInflight: 9 } } }));
    service.acquire().done(Outcome.Success);
  });

  it('count calls in flight through every change of a limit', async () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { resilience: { limits: { maxInflight: 2, maxInflightPerEndpoint: 1 } } });
    const leases = [service.acquire(), service.acquire()];
    await change(mesh, users({ resilience: { limits: { maxInflight: 3, maxInflightPerEndpoint: 1 } } }));
    expect(() => service.acquire()).toThrow();
    await change(mesh, users({ resilience: { limits: { maxInflight: 3, maxInflightPerEndpoint: 2 } } }));
    leases.push(service.acquire());
    expect(() => service.acquire()).toThrow();
    for (const lease of leases) lease.done(Outcome.Success);
    expect(service.endpoints.map(({ inflight }) => inflight)).toEqual([0, 0]);
  });

  it('let a call that waits in line go on where a limit is raised', async () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { resilience: { limits: { maxInflight: 1, maxPending: 5 } } });
    const lease = service.acquire();
    const waiting = service.call(() => 'served');
    await Promise.resolve();
    await change(mesh, users({ resilience: { limits: { maxInflight: 2, maxPending: 5 } } }));
    await expect(waiting).resolves.toBe('served');
    lease.done(Outcome.Success);
  });

  it('keep sessions with their endpoints, also in a table of another size', async () => {
    const { mesh } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { affinity: { capacity: 50 } });
    const homes = new Map<string, string>();
    const pick = (key: string): string => {
      const lease = service.acquire({ key });
      lease.done(Outcome.Success);
      return lease.endpoint.spec.id;
    };
    for (let i = 0; i < 20; i++) homes.set(`s${i}`, pick(`s${i}`));
    await change(mesh, users({ policy: 'round_robin', affinity: { capacity: 50, onUnavailable: 'fail' } }));
    for (const [key, id] of homes) expect(pick(key)).toBe(id);
    await change(mesh, users({ policy: 'random', affinity: { capacity: 80, ttlMs: 5_000 } }));
    for (const [key, id] of homes) expect(pick(key)).toBe(id);
    await change(mesh, users({ affinity: false }));
    expect(new Set(Array.from({ length: 40 }, () => pick('s0'))).size).toBeGreaterThan(1);
  });

  it('keep the endpoints of another resolver that lists the same, and those alone', async () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users');
    const [first] = service.endpoints;
    service.acquire().done(Outcome.Success);
    await change(mesh, { resolver: staticResolver({ users: endpoints(2) }) });
    expect(service.endpoints).toHaveLength(2);
    expect(service.endpoints[0]).toBe(first);
  });

  it('are refused where a new resolver lists nothing, or nothing in time; and nothing changes', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users');
    await expect(change(mesh, { resolver: staticResolver({ users: [] }) })).rejects.toThrow(/lists no endpoint/);
    const silent = { name: 'silent', watch: () => {} };
    const late = expect(change(mesh, { resolver: silent })).rejects.toThrow(/within 5000 ms/);
    await clock.advanceAsync(5_001);
    await late;
    expect(service.endpoints).toHaveLength(3);
    expect(service.discovery.error).toBeUndefined();
  });

  it('are refused for all services where one of them refuses', async () => {
    const { mesh } = testMesh({ users: endpoints(2), orders: endpoints(2) });
    const [one, orders] = [mesh.service('users'), mesh.service('orders')];
    const target: MeshTarget = { services: { users: { policy: 'round_robin' }, orders: { policy: 'prequal' } } };
    await expect(change(mesh, target)).rejects.toThrow(/probes/);
    expect([one, orders].map((each) => (each as unknown as { given: object }).given)).toEqual([{}, {}]);
  });

  it('of a policy that contradicts a subset are refused', async () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users');
    service.subset({ usable: () => true, policy: { peak_ewma: { decayMs: 7_000 } } });
    await expect(change(mesh, users({ policy: 'peak_ewma' }))).rejects.toMatchObject({ code: 'FAIRLEAD_CONFLICT' });
    await change(mesh, users({ policy: { peak_ewma: { decayMs: 7_000 } } }));
  });

  it('keep an endpoint in use for which a check is new, and out one that failed a check', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const sick = new Set([5_001]);
    const resolver = mesh.service('users', { checks: [{ tcp: { intervalMs: 100, unhealthyThreshold: 1 } }] });
    expect(resolver.endpoints.every(({ state }) => state === 'ready')).toBe(true);
    await change(mesh, users({ checks: [{ tcp: { intervalMs: 200, initially: 'unhealthy' } }] }));
    expect(resolver.endpoints.every(({ state }) => state === 'ready')).toBe(true);
    expect(resolver.rotation).toHaveLength(2);
    sick.clear();
    await clock.advanceAsync(1);
    await mesh.close();
  });

  it('take a service out that the configuration has no longer, and bring it back with its counters', async () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users');
    service.acquire().done(Outcome.Success);
    await change(mesh, { removed: new Map([['users', 'version 2 of the configuration removed it']]) });
    expect(() => service.acquire()).toThrow(/takes no calls: version 2/);
    await expect(service.call(() => 1)).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    await change(mesh, {});
    service.acquire().done(Outcome.Success);
    expect(service.endpoints[0]!.calls).toBe(2);
  });

  it('leave a store that a program gave where it is', async () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    const store = { get: () => undefined, set: () => {}, delete: () => {}, size: 0, clear: () => {} };
    const service = mesh.service('users', { affinity: { store } });
    await change(mesh, users({ affinity: { onUnavailable: 'fail' } }));
    const { options } = service as unknown as { options: { affinity: object } };
    expect(options.affinity).toMatchObject({ store, onUnavailable: 'fail' });
  });

  it('keep the sessions of subsets without a name, which are beside a store', async () => {
    const { mesh } = testMesh({ users: endpoints(20) });
    const store = { load: () => Promise.resolve(undefined), bind: (_: string, id: string) => Promise.resolve(id) };
    const service = mesh.service('users', { policy: 'random', affinity: { store } });
    const subset = service.subset({ usable: () => true });
    const homes = (): string[] =>
      Array.from({ length: 30 }, (_, i) => subset.acquire({ key: `s${i}` }).endpoint.spec.id);
    const before = homes();
    await change(mesh, users({ policy: 'random', affinity: { ttlMs: 60_000 } }));
    expect(homes()).toEqual(before);
  });
});
