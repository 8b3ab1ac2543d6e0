import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createMesh, type EndpointInput, Outcome, type Resolver, type ResolverSink, staticResolver } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { type AlertEvent, type MonitorOptions, meshFigures, monitorMesh } from 'fairlead/monitor';
import { routeCalls, startCanary } from 'fairlead/routing';
import { ManualClock, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { endpoints } from '../support/mesh.js';

const endings: (() => unknown)[] = [];
afterEach(() => Promise.all(endings.splice(0).map((end) => end())));

/** A clock that a suspended process comes back to: it has gone on, and no timer fired. */
class SuspendableClock extends ManualClock {
  #sleptMs = 0;

  override now(): number {
    return super.now() + this.#sleptMs;
  }

  suspend(ms: number): void {
    this.#sleptMs += ms;
  }
}

function setUp(options?: MonitorOptions, count = 4) {
  const resolver = staticResolver({ users: endpoints(count) });
  return { ...setUpOver(resolver, options), resolver };
}

function setUpOver(resolver: Resolver, options?: MonitorOptions) {
  const clock = new SuspendableClock(1_000);
  const mesh = createMesh({
    resolver,
    clock,
    random: seededRandom(1),
    defaults: { policy: 'round_robin', health: [] },
  });
  const monitor = monitorMesh(mesh, options);
  endings.push(() => monitor.close());
  const events: AlertEvent[] = [];
  monitor.on('alert', (event) => events.push(event));
  const users = mesh.service('users');
  /** One look later, with these calls before it. */
  const look = (good = 0, bad = 0, ms = 0, outcome: Outcome = Outcome.Failure): void => {
    for (let i = 0; i < good + bad; i++) {
      const lease = users.acquire();
      if (ms > 0) clock.advance(ms);
      lease.done(i < good ? Outcome.Success : outcome);
    }
    clock.advance(10_000 - (((good + bad) * ms) % 10_000));
  };
  const told = (): string[] => events.splice(0).map(({ what, alert }) => `${what} ${alert.rule} ${alert.subject}`);
  return { clock, mesh, monitor, events, users, look, told };
}

/** Says what it is told to. */
class ToldResolver implements Resolver {
  readonly name = 'told';
  #sink: ResolverSink | undefined;

  watch(_query: unknown, sink: ResolverSink): void {
    this.#sink = sink;
  }

  snapshot(list: readonly EndpointInput[]): void {
    const common = { weight: 1, priority: 0, zone: '', tags: [], meta: {} };
    this.#sink!.snapshot(
      list.map((endpoint) => ({ ...common, ...(endpoint as { id: string; host: string; port: number }) })),
      '',
    );
  }

  fail(error: Error): void {
    this.#sink!.error(error);
  }
}

const unhealthy = (count: number, total = 4) =>
  endpoints(total).map((endpoint, i) => ({ ...(endpoint as object), healthy: i >= count })) as never;

describe('alerts about traffic', () => {
  it('are raised after two looks above 5 % errors, and over after three below', () => {
    const { look, told, monitor } = setUp();
    look(90, 10);
    expect(told()).toEqual([]);
    look(90, 10);
    expect(told()).toEqual(['raised error_rate users']);
    expect(monitor.alerts).toMatchObject([
      {
        rule: 'error_rate',
        severity: 'warning',
        value: 0.1,
        text: '10.0 % of the calls to users fail',
        silenced: false,
      },
    ]);
    look(100);
    look(100);
    look(90, 10);
    look(100);
    look(100);
    expect(told()).toEqual([]);
    look(100);
    expect(told()).toEqual(['cleared error_rate users']);
    expect(monitor.alerts).toEqual([]);
  });

  it('are not raised by 5 %, by few calls, by none, nor by calls that were given up', () => {
    const { look, told } = setUp();
    for (let i = 0; i < 4; i++) look(95, 5);
    for (let i = 0; i < 4; i++) look(0, 19);
    for (let i = 0; i < 4; i++) look();
    for (let i = 0; i < 4; i++) look(30, 70, 0, Outcome.Cancelled);
    expect(told()).toEqual([]);
  });

  it('neither go nor come where there is no traffic to judge by', () => {
    const { look, told, monitor } = setUp();
    look(0, 100);
    for (let i = 0; i < 10; i++) look();
    look(0, 100);
    expect(told()).toEqual(['raised error_rate users']);
    for (let i = 0; i < 10; i++) look();
    expect(monitor.alerts).toHaveLength(1);
  });

  it('are about a mean latency above a second, and a p99 above five', () => {
    const slow = setUp({ limits: { minCalls: 5 } });
    for (let i = 0; i < 4; i++) slow.look(6, 0, 1_500);
    expect(slow.told()).toEqual(['raised latency users']);
    const tail = setUp({ limits: { minCalls: 5, meanMs: Number.POSITIVE_INFINITY, p99Ms: 900 } });
    for (let i = 0; i < 4; i++) tail.look(6, 0, 1_000);
    expect(tail.told()).toEqual(['raised p99_latency users']);
  });
});

describe('alerts about endpoints', () => {
  it('are critical where none is usable, and a warning where one is left of several', () => {
    const { resolver, look, told, monitor } = setUp();
    resolver.update('users', unhealthy(3));
    look();
    look();
    expect(told()).toEqual(['raised single_endpoint users']);
    resolver.update('users', unhealthy(4));
    look();
    look();
    expect(told()).toEqual(['raised no_endpoint users']);
    expect(monitor.alerts.map(({ severity }) => severity)).toEqual(['critical', 'warning']);
    resolver.update('users', unhealthy(0));
    look();
    look();
    look();
    expect(told().sort()).toEqual(['cleared no_endpoint users', 'cleared single_endpoint users']);
  });

  it('do not mind a service that has one endpoint at all', () => {
    const { look, told } = setUp({}, 1);
    for (let i = 0; i < 5; i++) look();
    expect(told()).toEqual([]);
  });

  it('are about ejections in storms, and panic', () => {
    const clock = new ManualClock(1_000);
    const resolver = staticResolver({ users: endpoints(20) });
    const mesh = createMesh({
      resolver,
      clock,
      random: seededRandom(1),
      defaults: { policy: 'round_robin', maxEjectionRatio: 1 },
    });
    const monitor = monitorMesh(mesh);
    endings.push(() => monitor.close());
    const rules: string[] = [];
    monitor.on('alert', ({ what, alert }) => rules.push(`${what} ${alert.rule}`));
    const users = mesh.service('users');
    for (const { spec } of users.endpoints.slice(0, 12)) {
      for (let i = 0; i < 5; i++) users.acquire({ prefer: spec.id }).done(Outcome.Failure);
    }
    clock.advance(20_000);
    expect(rules.sort()).toEqual(['raised ejection_storm', 'raised panic']);
  });

  it('are about a list that grows old while discovery fails, and not about an old list alone', () => {
    const resolver = new ToldResolver();
    const { look, told, clock, mesh } = setUpOver(resolver);
    resolver.snapshot(endpoints(2));
    clock.advance(600_000);
    expect(mesh.service('users').discovery.ageMs).toBeGreaterThan(500_000);
    expect(told()).toEqual([]);
    resolver.fail(new Error('connect ECONNREFUSED'));
    look();
    look();
    expect(told()).toEqual(['raised stale_discovery users']);
  });
});

describe('a suspended process', () => {
  it('raises nothing when it wakes: neither for an old list nor for what timed out', () => {
    const resolver = new ToldResolver();
    const { look, told, clock, users } = setUpOver(resolver);
    resolver.snapshot(endpoints(2));
    look(50);
    resolver.fail(new Error('connect ECONNREFUSED'));
    const leases = Array.from({ length: 50 }, () => users.acquire());
    clock.suspend(7_200_000);
    for (const lease of leases) lease.done(Outcome.Timeout);
    look();
    look(50);
    resolver.snapshot(endpoints(2));
    look(50);
    look(50);
    expect(told()).toEqual([]);
  });

  it('raises what is still so a minute after it woke', () => {
    const resolver = new ToldResolver();
    const { look, told, clock } = setUpOver(resolver);
    resolver.snapshot(endpoints(2));
    resolver.fail(new Error('connect ECONNREFUSED'));
    clock.suspend(7_200_000);
    for (let i = 0; i < 6; i++) look();
    expect(told()).toEqual([]);
    for (let i = 0; i < 3; i++) look();
    expect(told()).toEqual(['raised stale_discovery users']);
  });
});

describe('alerts about what adapters made', () => {
  const part = (kind: string, figures: Record<string, number>) => {
    const world = setUp();
    const current = { ...figures };
    const unregister = world.mesh.register({ kind, name: 'orders', figures: () => current });
    return { ...world, current, unregister };
  };
  const replicated = { 'primary a': 1, 'written a': 1, 'read a': 0, 'primary b': 0, 'read b': 1, 'lagMs b': 5 };

  it('are about replication: lag, no replica that reads, two primaries, none', () => {
    const { current, look, told } = part('mysql', replicated);
    look();
    look();
    expect(told()).toEqual([]);
    current['lagMs b'] = 60_000;
    current['read b'] = 0;
    look();
    look();
    expect(told()).toEqual(['raised replication_lag mysql orders', 'raised replicas_out mysql orders']);
    current['primary b'] = 1;
    current['written a'] = 0;
    look();
    look();
    expect(told()).toEqual(['raised two_primaries mysql orders', 'raised no_primary mysql orders']);
  });

  it('are about shards that are down or in quarantine, and over when the client ends', () => {
    const { current, look, told, monitor, unregister } = part('redis', {
      'down s1': 1,
      'down s2': 0,
      'quarantined s2': 1,
    });
    look();
    look();
    expect(told()).toEqual(['raised shard_down redis orders', 'raised quarantine redis orders']);
    expect(monitor.alerts[0]!.text).toBe('redis orders: s1 is down');
    expect(monitor.health()).toMatchObject({
      status: 'degraded',
      subjects: [
        { name: 'users', status: 'ready' },
        { name: 'redis orders', status: 'degraded', reason: 'redis orders: s1 is down' },
      ],
    });
    current['down s2'] = 0;
    unregister();
    look();
    expect(told()).toEqual(['cleared shard_down redis orders', 'cleared quarantine redis orders']);
  });
});

describe('what is told of alerts', () => {
  it('is told again after 5, 10, 20 minutes and so on', () => {
    const { resolver, clock, told } = setUp();
    resolver.update('users', unhealthy(4));
    clock.advance(20_000);
    expect(told()).toEqual(['raised no_endpoint users']);
    const minutes: number[] = [];
    for (let minute = 1; minute <= 80; minute++) {
      clock.advance(60_000);
      if (told().length > 0) minutes.push(minute);
    }
    expect(minutes).toEqual([5, 15, 35, 75]);
  });

  it('is nothing while it is silenced, and what is still so when the silence ends', () => {
    const { resolver, look, told, monitor } = setUp();
    const end = monitor.silence({ rule: 'no_endpoint', subject: 'users', forMs: 60_000 });
    monitor.silence({ subject: 'orders', forMs: 60_000 });
    resolver.update('users', unhealthy(4));
    look();
    look();
    expect(told()).toEqual([]);
    expect(monitor.alerts).toMatchObject([{ rule: 'no_endpoint', silenced: true }]);
    for (let i = 0; i < 4; i++) look();
    expect(told()).toEqual(['raised no_endpoint users']);
    expect(monitor.alerts).toMatchObject([{ silenced: false }]);
    end();
    for (const wrong of [{}, { forMs: 0 }, { forMs: 1, rules: 'x' }, { forMs: 1, rule: 'nope' }]) {
      expect(() => monitor.silence(wrong as never)).toThrow(/silence/);
    }
  });

  it('is silenced by whom, why and until when, and told of again once that was ended early', () => {
    const { resolver, look, told, monitor, clock } = setUp();
    monitor.silence({ subject: 'users', forMs: 60_000, by: 'mara', reason: 'new disk' });
    monitor.silence({ rule: 'panic', forMs: 5_000 });
    expect(monitor.silences).toEqual([
      { id: 1, rule: undefined, subject: 'users', by: 'mara', reason: 'new disk', untilMs: clock.wallMs() + 60_000 },
      { id: 2, rule: 'panic', subject: undefined, by: undefined, reason: undefined, untilMs: clock.wallMs() + 5_000 },
    ]);
    resolver.update('users', unhealthy(4));
    look();
    look();
    expect(told()).toEqual([]);
    expect(monitor.silences.map(({ id }) => id)).toEqual([1]);
    expect(monitor.endSilence(1)).toBe(true);
    expect(monitor.endSilence(1)).toBe(false);
    expect(monitor.silences).toEqual([]);
    look();
    expect(told()).toEqual(['raised no_endpoint users']);
  });

  it('goes to the diagnostics channel, and past listeners that throw', () => {
    const { resolver, look, monitor } = setUp();
    const heard: AlertEvent[] = [];
    const listener = (event: unknown): void => void heard.push(event as AlertEvent);
    const { emitWarning } = process;
    process.emitWarning = (() => {}) as never;
    subscribe('fairlead:alert', listener);
    try {
      monitor.on('alert', () => {
        throw new Error('mine');
      });
      resolver.update('users', unhealthy(4));
      look();
      look();
      expect(heard).toMatchObject([{ what: 'raised', alert: { rule: 'no_endpoint' } }]);
    } finally {
      unsubscribe('fairlead:alert', listener);
      process.emitWarning = emitWarning;
    }
  });

  it('is raised once before it is cleared, whatever is found', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('good', 'bad', 'none'), { maxLength: 40 }), (looks) => {
        const { look, events, monitor } = setUp({ againMs: Number.POSITIVE_INFINITY });
        for (const each of looks) look(each === 'good' ? 50 : 0, each === 'bad' ? 50 : 0);
        const told = events.filter(({ alert }) => alert.rule === 'error_rate').map(({ what }) => what);
        expect(told).toEqual(told.map((_, i) => (i % 2 === 0 ? 'raised' : 'cleared')));
        expect(monitor.alerts.length).toBe(told.length % 2);
        monitor.close();
      }),
      { numRuns: 30 },
    );
  });
});

describe('health', () => {
  it('is down from close() on, while drain still runs, whatever its services are like', async () => {
    const { mesh, monitor } = setUp();
    let drained = (): void => {};
    const draining = new Promise<void>((resolve) => {
      drained = resolve;
    });
    const ended = mesh.close({ drain: () => draining });
    expect(monitor.health(['users'])).toEqual({
      status: 'down',
      subjects: [
        { name: 'mesh', status: 'down', reason: 'the mesh is closing' },
        { name: 'users', status: 'ready', reason: null },
      ],
    });
    expect(mesh.closing.aborted).toBe(false);
    drained();
    await ended;
    expect(monitor.health().status).toBe('down');
  });

  it('is ready, degraded or down for each service, with the reason', () => {
    const { resolver, monitor, clock } = setUp();
    expect(monitor.health()).toEqual({ status: 'ready', subjects: [{ name: 'users', status: 'ready', reason: null }] });
    resolver.update('users', unhealthy(3));
    clock.advance(100);
    expect(monitor.health()).toMatchObject({
      status: 'degraded',
      subjects: [{ status: 'degraded', reason: 'one of 4 endpoints is usable' }],
    });
    resolver.update('users', unhealthy(4));
    clock.advance(100);
    expect(monitor.health()).toMatchObject({
      status: 'down',
      subjects: [{ status: 'down', reason: 'none of 4 endpoints is usable: listed as unhealthy' }],
    });
  });

  it('is decided by the services that are needed', () => {
    const { monitor, mesh } = setUp();
    mesh.service('orders');
    expect(monitor.health().status).toBe('down');
    expect(monitor.health(['users']).status).toBe('ready');
    expect(monitor.health(['users', 'never-made'])).toMatchObject({ status: 'down' });
  });

  it('leaves out what a configuration removed, unless that is needed, and so do alerts', async () => {
    const { monitor, mesh, look, told, resolver } = setUp();
    await using config = createConfigStore(mesh, { compare: false });
    await config.apply({ services: { users: {} } });
    resolver.update('users', unhealthy(4));
    for (let i = 0; i < 2; i++) look();
    expect(told()).toEqual(['raised no_endpoint users']);
    await config.apply({ services: {} });
    expect(monitor.health()).toEqual({ status: 'ready', subjects: [] });
    const reason = 'version 2 of the configuration removed it';
    expect(monitor.health(['users'])).toEqual({
      status: 'down',
      subjects: [{ name: 'users', status: 'down', reason }],
    });
    for (let i = 0; i < 4; i++) look();
    expect(told()).toEqual(['cleared no_endpoint users']);
    expect(monitor.alerts).toEqual([]);
  });

  it('says so before discovery has answered, and where that fails', () => {
    const resolver = new ToldResolver();
    const { monitor } = setUpOver(resolver);
    expect(monitor.health().subjects[0]).toMatchObject({ status: 'down', reason: 'discovery has not answered yet' });
    resolver.fail(new Error('connect ECONNREFUSED'));
    expect(monitor.health().subjects[0]!.reason).toContain('discovery fails: connect ECONNREFUSED');
  });
});

describe('a monitor', () => {
  it('looks no more when its mesh closes: what ends with a process is not over', async () => {
    const { monitor, clock, mesh, resolver, look, told } = setUp();
    const config = createConfigStore(mesh);
    monitor.follow(config);
    resolver.update('users', []);
    for (let i = 0; i < 3; i++) look();
    expect(told()).toEqual(['raised no_endpoint users']);
    await mesh.close({ deadlineMs: 0 });
    await config.apply({ alerts: { intervalMs: 1_000 } }).catch(() => {});
    clock.advance(600_000);
    expect(told()).toEqual([]);
    expect([monitor.health().status, clock.pending]).toEqual(['down', 0]);
    using late = monitorMesh(mesh);
    expect([late.health().status, clock.pending]).toEqual(['down', 0]);
  });

  it('arms nothing once it is closed, and refuses options that it does not know', () => {
    const { monitor, clock, mesh } = setUp();
    monitor.close();
    monitor.close();
    expect(clock.pending).toBe(0);
    for (const [wrong, names] of [
      [{ limits: { errorRate: 1 } }, 'monitorMesh.limits.errorRate'],
      [{ limits: { errorRatio: 2 } }, 'monitorMesh.limits.errorRatio'],
      [{ raiseAfter: 0 }, 'monitorMesh.raiseAfter'],
      [{ webhook: { url: 'ftp://x' } }, 'monitorMesh.webhook.url'],
    ] as const) {
      expect(() => monitorMesh(mesh, wrong as never)).toThrow(names);
    }
  });
});

describe('what is routed and configured', () => {
  it('is alerted about: a canary that was rolled back, until another one is started', () => {
    const { users, look, told, mesh } = setUp({ raiseAfter: 1, clearAfter: 1 });
    const arms = { v2: { share: 5, tags: ['v2'] } };
    const routing = routeCalls(users, { split: { name: 'users', arms } });
    const canary = startCanary(routing, { arm: 'v2', steps: [{ share: 5 }] });
    using figures = meshFigures(mesh);
    look();
    expect(told()).toEqual([]);
    canary.rollBack('worse');
    look();
    expect(told()).toEqual(['raised canary_rolled_back routing users']);
    const part = figures.read().parts.find(({ kind }) => kind === 'routing');
    expect(part?.figures).toMatchObject({ 'share v2': 0, 'share baseline': 100, canaryRolledBack: 1 });
    routing.close();
    look();
    expect(told()).toEqual(['cleared canary_rolled_back routing users']);
  });

  it('is alerted about: a configuration that was refused, until the next one is in force', async () => {
    const { look, told, mesh } = setUp({ raiseAfter: 1, clearAfter: 1 });
    const config = createConfigStore(mesh);
    await config.apply({ services: { users: { panicThreshold: 0.2 } } });
    await config.apply({ services: { users: { panicTreshold: 0.2 } } } as never).catch(() => {});
    using figures = meshFigures(mesh);
    const part = () => figures.read().parts.find(({ kind }) => kind === 'config')?.figures;
    expect(part()).toEqual({ version: 1, changes: 1, refused: 1, refusing: 1 });
    look();
    expect(told()).toEqual(['raised configuration_refused config code']);
    await config.apply({ services: { users: { panicThreshold: 0.3 } } });
    expect(part()).toMatchObject({ version: 2, refused: 1, refusing: 0 });
    look();
    expect(told()).toEqual(['cleared configuration_refused config code']);
  });
});
