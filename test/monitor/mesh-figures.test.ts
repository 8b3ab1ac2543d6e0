import { Outcome } from 'fairlead';
import { meshFigures } from 'fairlead/monitor';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const policy = 'round_robin' as const;

describe('figures of a mesh', () => {
  it('count calls by outcome and endpoint, and time them, though the policy needs no latency', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    const users = mesh.service('users');
    for (const [ms, outcome] of [
      [10, Outcome.Success],
      [20, Outcome.Failure],
      [30, Outcome.Success],
      [40, Outcome.Cancelled],
    ] as const) {
      const lease = users.acquire();
      clock.advance(ms);
      lease.done(outcome);
    }
    const [service] = figures.read().services;
    expect(service).toMatchObject({ name: 'users', policy, ready: 2, panic: false });
    expect(service!.calls).toMatchObject({ total: 4, failures: 1, timed: { count: 4, sumMs: 100 } });
    expect(service!.calls.outcomes).toMatchObject({ success: 2, failure: 1, cancelled: 1 });
    // The one that was given up is neither a failure nor an answer.
    expect(service!.calls.last10s.failureRatio).toBeCloseTo(1 / 3);
    expect(service!.endpoints.map(({ id, calls }) => [id, calls?.total, calls?.failures])).toEqual([
      ['e0', 2, 0],
      ['e1', 2, 1],
    ]);
  });

  it('say which endpoints an adapter cannot connect to, though no call failed there', () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    const users = mesh.service('users');
    const [, e1, e2] = users.endpoints;
    const sinceMs = clock.now();
    const away = new Map([[e1!, { reason: 'connect ECONNREFUSED', sinceMs }]]);
    mesh.register({ kind: 'grpc', name: 'fairlead', unreachable: (of) => (of === users ? away : new Map()) });
    mesh.service('others');
    clock.advance(7_000);
    const read = () => figures.read().services.find(({ name }) => name === 'users')!;
    expect(read().ready).toBe(2);
    const states = read().endpoints.map(({ id, state, reason }) => [id, state, reason]);
    expect(states).toEqual([
      ['e0', 'ready', null],
      ['e1', 'unhealthy', 'not connected: connect ECONNREFUSED'],
      ['e2', 'ready', null],
    ]);
    expect(read().endpoints[1]!.forMs).toBe(7_000);
    away.clear();
    away.set(e2!, { reason: 'closed', sinceMs });
    expect(read().endpoints.map(({ state }) => state)).toEqual(['ready', 'ready', 'unhealthy']);
  });

  it('are plain values that JSON holds, with null for what is not known', () => {
    const { mesh } = testMesh({ users: endpoints(2, { meta: { version: '1' } }) }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    mesh.service('users');
    mesh.register({ kind: 'mysql', name: 'orders', figures: () => ({ pools: 2 }) });
    mesh.register({ kind: 'http', name: 'broken', figures: () => Object.fromEntries([]) });
    const snapshot = figures.read();
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    expect(snapshot.services[0]!.calls.last1m).toMatchObject({
      calls: 0,
      failureRatio: null,
      meanMs: null,
      p99Ms: null,
    });
    expect(snapshot.services[0]!.endpoints[0]).toMatchObject({ calls: null, ewmaMs: null, meta: { version: '1' } });
    expect(snapshot.parts).toEqual([
      { kind: 'mysql', name: 'orders', figures: { pools: 2 } },
      { kind: 'http', name: 'broken', figures: {} },
    ]);
  });

  it('have rates and percentiles of the last second, ten seconds and minute', () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    const users = mesh.service('users');
    const calls = (count: number, ms: number): void => {
      for (let i = 0; i < count; i++) {
        const lease = users.acquire();
        clock.advance(ms);
        lease.done(Outcome.Success);
      }
    };
    calls(600, 100);
    calls(10, 1);
    calls(99, 10);
    const { last1s, last10s, last1m } = figures.read().services[0]!.calls;
    expect(last1s.overMs).toBeGreaterThanOrEqual(500);
    expect(last1s.overMs).toBeLessThanOrEqual(1_000);
    expect(last1s.callsPerSecond! * (last1s.overMs / 1_000)).toBeCloseTo(last1s.calls);
    expect(last1s.p99Ms!).toBeCloseTo(10, 0);
    expect(last10s.p999Ms!).toBeGreaterThan(96);
    expect(last1m.p50Ms!).toBeGreaterThan(96);
    expect(last1m.p50Ms!).toBeLessThan(104);
    clock.advance(70_000);
    expect(figures.read().services[0]!.calls).toMatchObject({ total: 709, last1m: { calls: 0, callsPerSecond: 0 } });
  });

  it('say in what state an endpoint is, why, since when and until when', () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(3) }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    const users = mesh.service('users');
    clock.advance(5_000);
    for (let i = 0; i < 5; i++) users.acquire({ prefer: 'e0' }).done(Outcome.Failure);
    const held = users.acquire({ prefer: 'e2' });
    clock.advance(1_000);
    resolver.update('users', [...endpoints(1), { ...(endpoints(2)[1] as object), healthy: false } as never]);
    clock.advance(1_000);
    expect(figures.read().services[0]!.endpoints).toMatchObject([
      {
        id: 'e0',
        state: 'ejected',
        reason: 'consecutive_failures',
        forMs: 2_000,
        ejections: 1,
        ejection: { signal: 'consecutive_failures', grounds: 'answers', forMs: 2_000 },
      },
      { id: 'e1', state: 'unhealthy', reason: 'listed as unhealthy', forMs: 1_000, ejection: null },
      { id: 'e2', state: 'draining', reason: 'left discovery', listed: false, inflight: 1 },
    ]);
    expect(figures.read().services[0]!.endpoints[0]!.ejection!.endsInMs).toBeGreaterThan(20_000);
    held.done(Outcome.Success);
  });

  it('name the check that fails, without the credentials in what it says', () => {
    const { mesh } = testMesh({ db: endpoints(1) });
    using figures = meshFigures(mesh);
    const db = mesh.service('db');
    const reason = new Error('cannot reach mysql://root:hunter2@db:3306/');
    db.reportCheck(db.endpoints[0]!, { by: {}, check: 'mysql', healthy: false, reason });
    const [endpoint] = figures.read().services[0]!.endpoints;
    expect(endpoint!.reason).toMatch(/^mysql: cannot reach/);
    expect(JSON.stringify(figures.read())).not.toContain('hunter2');
  });

  it('measure while they are read, and nothing before, between and after', () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) }, { defaults: { policy } });
    const users = mesh.service('users');
    users.acquire().done(Outcome.Success);
    const first = meshFigures(mesh);
    const second = meshFigures(mesh);
    users.acquire().done(Outcome.Success);
    first.close();
    first.close();
    users.acquire().done(Outcome.Success);
    expect(second.read().services[0]!.calls.total).toBe(2);
    second.close();
    expect(clock.pending).toBe(0);
    users.acquire().done(Outcome.Success);
    using third = meshFigures(mesh);
    users.acquire().done(Outcome.Success);
    expect(third.read().services[0]!.calls.total).toBe(3);
  });

  it('take in services that are made later, from their first call on', () => {
    const { mesh } = testMesh({ late: endpoints(1) }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    mesh.service('late').acquire().done(Outcome.Success);
    expect(figures.read().services[0]!.calls.total).toBe(1);
  });

  it('keep the series of the living and of those that left within five minutes; sums never fall', () => {
    const { mesh, clock, resolver } = testMesh({ pods: [] }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    const pods = mesh.service('pods');
    let calls = 0;
    let before = 0;
    // 3,000 endpoints over 60 scrapes: 50 new ones every 15 s.
    for (let scrape = 0; scrape < 60; scrape++) {
      resolver.update(
        'pods',
        Array.from({ length: 50 }, (_, i) => ({ id: `pod-${scrape}-${i}`, host: '10.0.0.1', port: 1 + i })),
      );
      for (let i = 0; i < 100; i++) {
        pods.acquire().done(Outcome.Success);
        calls++;
      }
      clock.advance(15_000);
      const [service] = figures.read().services;
      expect(service!.calls.total).toBe(calls);
      expect(service!.calls.total).toBeGreaterThan(before);
      before = service!.calls.total;
      expect(service!.endpoints.length).toBeLessThanOrEqual(50 + (300 / 15) * 50 + 50);
      if (scrape > 0) expect(service!.endpoints.filter(({ listed }) => !listed).length).toBeGreaterThan(0);
    }
    resolver.update('pods', []);
    clock.advance(310_000);
    expect(figures.read().services[0]!.endpoints).toEqual([]);
    expect(figures.read().services[0]!.calls.total).toBe(calls);
  });

  it('have histograms by outcome, whose sums survive the endpoints', () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(1) }, { defaults: { policy } });
    using figures = meshFigures(mesh);
    const users = mesh.service('users');
    for (const [ms, outcome] of [
      [1, Outcome.Success],
      [50, Outcome.Success],
      [3_000, Outcome.Timeout],
    ] as const) {
      const lease = users.acquire();
      clock.advance(ms);
      lease.done(outcome);
    }
    resolver.update('users', []);
    const [success, timeout] = figures.latency('users');
    expect(success).toMatchObject({ outcome: 'success', sumMs: 51 });
    expect(success!.upTo([10, 100, 1_000])).toEqual([1, 2, 2, 2]);
    expect(timeout!.outcome).toBe('timeout');
    expect(timeout!.upTo([10, 100, 1_000])).toEqual([0, 0, 0, 1]);
    expect(figures.latency('nobody')).toEqual([]);
  });

  it('leave out the figures of an adapter that throws', () => {
    const { mesh } = testMesh({});
    using figures = meshFigures(mesh);
    const { emitWarning } = process;
    const warnings: unknown[] = [];
    process.emitWarning = ((text: unknown) => warnings.push(text)) as never;
    try {
      mesh.register({
        kind: 'mysql',
        name: 'odd',
        figures: () => {
          throw new Error('no');
        },
      });
      expect(figures.read().parts).toEqual([{ kind: 'mysql', name: 'odd', figures: {} }]);
      expect(warnings).toHaveLength(1);
    } finally {
      process.emitWarning = emitWarning;
    }
  });

  it('count by endpoint the repeats that came to it, and the calls that its limits refused', async () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    using figures = meshFigures(mesh);
    const users = mesh.service('users', {
      policy: 'round_robin',
      resilience: { limits: { maxInflightPerEndpoint: 1 }, retry: { maxAttempts: 2 } },
    });
    const seen: string[] = [];
    const call = users.call(
      (endpoint) => {
        seen.push(endpoint.spec.id);
        if (seen.length === 1) throw Object.assign(new Error('reset'), { code: 'ECONNRESET' });
      },
      { idempotent: true },
    );
    for (let turn = 0; turn < 50 && seen.length < 2; turn++) {
      await Promise.resolve();
      clock.advance(100);
    }
    await call;
    const [failed, retried] = seen as [string, string];
    const of = (id: string) => figures.read().services[0]!.endpoints.find((endpoint) => endpoint.id === id)!;
    expect(of(failed)).toMatchObject({ retries: 0, hedges: 0, refused: 0, sentBytes: 0 });
    expect(of(retried)).toMatchObject({ retries: 1, hedges: 0 });
    const held = users.acquire({ prefer: failed });
    users.acquire({ prefer: failed }).done(Outcome.Success);
    held.done(Outcome.Success);
    expect(of(failed).refused).toBe(1);
    const [first] = users.endpoints;
    users.acquire({ tried: [first!], beside: true }).done(Outcome.Success);
    expect(figures.read().services[0]!.endpoints.reduce((all, { hedges }) => all + hedges, 0)).toBe(1);
  });
});
