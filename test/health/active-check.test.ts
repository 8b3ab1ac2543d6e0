import { customCheck, grpcCheck, Outcome } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import type { CheckTiming } from '../../src/health/active-check.js';
import { CheckHub } from '../../src/health/check-hub.js';
import type { ServingStatus } from '../../src/health/grpc-health-messages.js';
import { drive } from '../support/drive.js';
import { endpoints, testMesh } from '../support/mesh.js';

/** A check whose answers are told by the test, and that counts what it was asked. */
function scripted(timing: Partial<CheckTiming> = {}) {
  const sick = new Set<number>();
  const asked: number[] = [];
  const check = customCheck({
    ...timing,
    ask: async ({ port }) => {
      asked.push(port);
      if (sick.has(port)) throw new Error('sick');
    },
  });
  return { check, sick, asked };
}

const INTERVAL_MS = 10_000;
const LONGEST_INTERVAL_MS = 11_000;

describe('active checks', () => {
  it('take an endpoint out after three failures in a row and bring it back after two passes', async () => {
    const { check, sick } = scripted({ jitterRatio: 0 });
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { checks: [check] });
    const events: string[] = [];
    service.on('checked', ({ endpoint, healthy, reason }) =>
      events.push(`${endpoint.spec.id} ${healthy} ${reason?.message ?? ''}`),
    );
    await clock.advanceAsync(INTERVAL_MS);
    sick.add(5_001);
    await clock.advanceAsync(2 * INTERVAL_MS);
    expect(service.endpoints[1]!.state).toBe('ready');
    await clock.advanceAsync(INTERVAL_MS);
    expect(service.endpoints[1]!.state).toBe('unhealthy');
    expect(service.rotation.map(({ spec }) => spec.id)).toEqual(['e0', 'e2']);
    sick.clear();
    await clock.advanceAsync(INTERVAL_MS);
    expect(service.endpoints[1]!.state).toBe('unhealthy');
    await clock.advanceAsync(INTERVAL_MS);
    expect(service.endpoints[1]!.state).toBe('ready');
    expect(events).toEqual(['e1 false sick', 'e1 true ']);
  });

  it('come after the interval, shorter or longer by up to the jitter, evenly', async () => {
    const askedMs: number[] = [];
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const check = customCheck({ jitterRatio: 0.3, ask: async () => void askedMs.push(clock.now()) });
    mesh.service('users', { checks: [check] });
    await clock.advanceAsync(500 * INTERVAL_MS);
    const gaps = askedMs.slice(1).map((ms, i) => ms - askedMs[i]!);
    expect(gaps.length).toBeGreaterThan(450);
    for (const gap of gaps) expect(Math.abs(gap - INTERVAL_MS)).toBeLessThanOrEqual(0.3 * INTERVAL_MS);
    // Uniform: a deviation of 0.3/√3 of the interval, and half of them on either side.
    const deviation = Math.sqrt(gaps.reduce((sum, gap) => sum + (gap / INTERVAL_MS - 1) ** 2, 0) / gaps.length);
    expect(Math.abs(deviation / (0.3 / Math.sqrt(3)) - 1)).toBeLessThan(0.1);
    const longer = gaps.filter((gap) => gap > INTERVAL_MS).length / gaps.length;
    expect(Math.abs(longer - 0.5)).toBeLessThan(0.1);
  });

  it('count an answer that is late as none', async () => {
    const check = customCheck({ unhealthyThreshold: 1, timeoutMs: 500, ask: () => new Promise(() => {}) });
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { checks: [check] });
    const reasons: (string | undefined)[] = [];
    service.on('checked', ({ reason }) => reasons.push(reason?.message));
    await clock.advanceAsync(INTERVAL_MS + 500);
    expect(reasons).toEqual(['no answer to the custom check within 500 ms']);
  });

  it('survive a function that throws instead of rejecting', async () => {
    const check = customCheck({
      unhealthyThreshold: 1,
      ask: () => {
        throw new Error('bug');
      },
    });
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { checks: [check] });
    await clock.advanceAsync(INTERVAL_MS);
    expect(service.endpoints[0]!.state).toBe('unhealthy');
  });

  it('ask an address once for all services that list it, and no longer when the last is closed', async () => {
    const { check, asked } = scripted({ jitterRatio: 0 });
    const { mesh, clock } = testMesh({ users: endpoints(2), orders: endpoints(2, { tags: ['other'] }) });
    const [users, orders] = [mesh.service('users', { checks: [check] }), mesh.service('orders', { checks: [check] })];
    await clock.advanceAsync(INTERVAL_MS);
    expect(asked.sort()).toEqual([5_000, 5_001]);
    await users.close();
    await clock.advanceAsync(INTERVAL_MS);
    expect(asked).toHaveLength(4);
    await orders.close();
    await clock.advanceAsync(10 * INTERVAL_MS);
    expect(asked).toHaveLength(4);
    expect(clock.pending).toBe(0);
  });

  it('tell a service that joins later at once', async () => {
    const { check, sick } = scripted({ unhealthyThreshold: 1 });
    sick.add(5_000);
    const { mesh, clock } = testMesh({ users: endpoints(3), orders: endpoints(3) });
    mesh.service('users', { checks: [check] });
    await clock.advanceAsync(LONGEST_INTERVAL_MS);
    expect(mesh.service('orders', { checks: [check] }).rotation.map(({ spec }) => spec.id)).toEqual(['e1', 'e2']);
  });

  it('keep an endpoint that is initially unhealthy from calls until its first pass, even in panic', async () => {
    const { check } = scripted({ initially: 'unhealthy' });
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { checks: [check] });
    expect(service.rotation).toEqual([]);
    expect(() => service.acquire()).toThrow('none of its 2 endpoints has passed its first check yet');
    const ready = service.ready();
    await clock.advanceAsync(1_000);
    await ready;
    expect(service.rotation).toHaveLength(2);
  });

  it('use them all the same when all first checks fail', async () => {
    const { check, sick } = scripted({ initially: 'unhealthy' });
    sick.add(5_000).add(5_001);
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { checks: [check] });
    await clock.advanceAsync(1_000);
    expect(service.endpoints.map(({ state }) => state)).toEqual(['unhealthy', 'unhealthy']);
    expect(service.rotation).toHaveLength(2);
  });

  it('must all pass', async () => {
    const [one, two] = [scripted({ unhealthyThreshold: 1 }), scripted({ unhealthyThreshold: 1 })];
    one.sick.add(5_000);
    two.sick.add(5_000).add(5_001);
    const { mesh, clock } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { checks: [one.check, two.check] });
    await clock.advanceAsync(LONGEST_INTERVAL_MS);
    expect(service.endpoints.map(({ state }) => state)).toEqual(['unhealthy', 'unhealthy', 'ready', 'ready']);
  });

  it.each([
    [false, 'ejected'],
    [true, 'ready'],
  ])('with clearsEjection %s leave an ejected endpoint that passes %s', async (clearsEjection, state) => {
    const { check } = scripted({ clearsEjection });
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin', checks: [check] });
    drive(service, 10, (id) => (id === 'e0' ? Outcome.Failure : Outcome.Success));
    expect(service.endpoints[0]!.state).toBe('ejected');
    await clock.advanceAsync(LONGEST_INTERVAL_MS);
    expect(service.endpoints[0]!.state).toBe(state);
  });

  it('that were put together by hand and lack their timing are refused', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const checks = [{ name: 'mine', identity: undefined, ask: async () => {} }];
    expect(() => mesh.service('users', { checks: checks as never })).toThrow(
      /checks\[0\] is an object: allowed is a check/,
    );
  });

  it('stop for an endpoint that departs and begin again when it returns', async () => {
    const { check, sick, asked } = scripted({ unhealthyThreshold: 1 });
    sick.add(5_001);
    const { mesh, clock, resolver } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { checks: [check] });
    const lease = service.endpoints[1]!;
    await clock.advanceAsync(LONGEST_INTERVAL_MS);
    expect(lease.state).toBe('unhealthy');
    resolver.update('users', endpoints(1));
    const before = asked.filter((port) => port === 5_001).length;
    await clock.advanceAsync(5 * INTERVAL_MS);
    expect(asked.filter((port) => port === 5_001)).toHaveLength(before);
    resolver.update('users', endpoints(2));
    expect(service.endpoints[1]!.state).toBe('ready');
    await clock.advanceAsync(LONGEST_INTERVAL_MS);
    expect(service.endpoints[1]!.state).toBe('unhealthy');
  });

  it('ask only the endpoints within the aperture', async () => {
    const { check, asked } = scripted();
    const { mesh, clock } = testMesh({ users: endpoints(50) });
    mesh.service('users', { checks: [check], aperture: { size: 5, identity: 'x' } });
    await clock.advanceAsync(LONGEST_INTERVAL_MS);
    expect(new Set(asked).size).toBe(5);
  });

  it('of 1,000 endpoints make no burst: at most 64 at once, and spread over the interval', async () => {
    const clock = new ManualClock();
    const hub = new CheckHub(clock, seededRandom(3));
    const atMs: number[] = [];
    let asking = 0;
    let most = 0;
    const check = customCheck({
      ask: () => {
        atMs.push(clock.now());
        most = Math.max(most, ++asking);
        return new Promise((resolve) => {
          clock.after(100, () => {
            asking--;
            resolve();
          });
        });
      },
    });
    const listener = { turned: () => {}, passed: () => {} };
    for (let i = 0; i < 1_000; i++) hub.watch(check, { host: `10.0.${i >> 8}.${i & 255}`, port: 80 }, listener);
    await clock.advanceAsync(INTERVAL_MS + 200);
    expect(atMs.length).toBeGreaterThanOrEqual(1_000);
    expect(most).toBeLessThanOrEqual(64);
    // 100 a second on average, with a standard deviation of 9.5.
    const perSecond = Array.from({ length: 10 }, (_, s) => atMs.filter((ms) => Math.floor(ms / 1_000) === s).length);
    for (const count of perSecond) expect(count).toBeLessThan(150);
  });

  it.each([
    ['healthy', 10_100],
    ['unhealthy', 1_100],
  ] as const)(
    'of 5,000 endpoints that are %s at first make none either: all asked within %d ms, evenly',
    async (initially, withinMs) => {
      const { mesh, clock } = testMesh({ users: fakeEndpoints(5_000) });
      const atMs: number[] = [];
      let asking = 0;
      let most = 0;
      const check = customCheck({
        initially,
        ask: () => {
          atMs.push(clock.now());
          most = Math.max(most, ++asking);
          return new Promise((resolve) => {
            clock.after(5, () => {
              asking--;
              resolve();
            });
          });
        },
      });
      const service = mesh.service('users', { checks: [check] });
      let rotations = 0;
      service.on('rotation', () => rotations++);
      // Four waves: the first, and then one per interval, each a little less in step than the one
      // before.
      await clock.advanceAsync(withinMs);
      expect(atMs.length).toBeGreaterThanOrEqual(5_000);
      expect(service.rotation).toHaveLength(5_000);
      // One for each first result would take seconds.
      expect(rotations).toBeLessThan(30);
      await clock.advanceAsync(3 * LONGEST_INTERVAL_MS);
      expect(most).toBeLessThanOrEqual(64);
      const perSlice = new Map<number, number>();
      for (const ms of atMs) perSlice.set(Math.floor(ms / 100), (perSlice.get(Math.floor(ms / 100)) ?? 0) + 1);
      // Where the first wave ends and the second begins, both overlap by the jitter.
      const share = 5_000 / ((initially === 'healthy' ? INTERVAL_MS : 1_000) / 100);
      for (const count of perSlice.values()) expect(count).toBeLessThan(2 * share);
      await mesh.close();
      // The answers that were on their way.
      await clock.advanceAsync(5);
      expect(clock.pending).toBe(0);
    },
    30_000,
  );

  it('of many endpoints that fall sick together make few rotations, within 10 ms per thousand endpoints of the result', async () => {
    const { mesh, clock } = testMesh({ users: fakeEndpoints(2_000) });
    let sick = false;
    const check = customCheck({
      unhealthyThreshold: 1,
      ask: async ({ port }) => {
        if (sick && port % 4 === 0) throw new Error('sick');
      },
    });
    const service = mesh.service('users', { checks: [check] });
    await clock.advanceAsync(LONGEST_INTERVAL_MS);
    sick = true;
    let rotations = 0;
    service.on('rotation', () => rotations++);
    const turnedAtMs: number[] = [];
    service.on('checked', () => turnedAtMs.push(clock.now()));
    for (let step = 0; step < LONGEST_INTERVAL_MS / 20; step++) {
      await clock.advanceAsync(20);
      const told = turnedAtMs.filter((ms) => ms <= clock.now() - 20).length;
      expect(service.rotation.length).toBeLessThanOrEqual(2_000 - told);
    }
    expect(turnedAtMs).toHaveLength(500);
    expect(service.rotation).toHaveLength(1_500);
    expect(rotations).toBeLessThan(400);
  });

  it('hold back when all come at once', async () => {
    const clock = new ManualClock();
    const hub = new CheckHub(clock, seededRandom(3));
    let most = 0;
    const check = customCheck({
      initially: 'unhealthy',
      timeoutMs: 5_000,
      ask: () => {
        most = Math.max(most, hub.asking);
        return new Promise(() => {});
      },
    });
    const listener = { turned: () => {}, passed: () => {} };
    for (let i = 0; i < 500; i++) hub.watch(check, { host: '10.0.0.1', port: 1_000 + i }, listener);
    await clock.advanceAsync(2_000);
    expect(most).toBe(64);
  });
});

describe('grpcCheck', () => {
  it.each<[ServingStatus, boolean]>([
    ['SERVING', true],
    ['UNIMPLEMENTED', true],
    ['NOT_SERVING', false],
    ['UNKNOWN', false],
    ['SERVICE_UNKNOWN', false],
  ])('takes %s for healthy: %s', async (status, healthy) => {
    const asked: string[] = [];
    const check = grpcCheck({
      service: 'users.Users',
      probe: async (_target, service) => {
        asked.push(service);
        return status;
      },
    });
    const asking = check.ask({ host: 'h', port: 1 }, new AbortController().signal);
    await (healthy ? asking : expect(asking).rejects.toThrow(status));
    expect(asked).toEqual(['users.Users']);
  });

  it('asks the port it is told', async () => {
    const ports: number[] = [];
    const check = grpcCheck({
      port: 9_000,
      probe: async ({ port }) => {
        ports.push(port);
        return 'SERVING';
      },
    });
    await check.ask({ host: 'h', port: 1 }, new AbortController().signal);
    expect(ports).toEqual([9_000]);
  });

  it('refuses a probe that is none', () => {
    expect(() => grpcCheck({ probe: 3 as never })).toThrow(/grpcCheck\.probe is 3: allowed is a function/);
  });
});
