import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createMesh, Outcome, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import { DistributedLimit, KeyedRate, KeyedWindow } from 'fairlead/resilience';
import { laneOf, routeCalls, withLane } from 'fairlead/routing';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { WindowCounts } from '../../adapters/gateway/routes/rate-limit.js';
import { MethodConfigs } from '../../adapters/grpc/config/method-configs.js';
import { SessionTable } from '../../src/affinity/session-table.js';
import { SharedSessions } from '../../src/affinity/shared-sessions.js';
import { endpoints, testMesh } from '../support/mesh.js';

/**
 * Promise 6: every table that grows with what users send has a bound, and a bound never weakens a
 * promise. A table that is added belongs here.
 */

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is held for good: what a turn of the event loop, or one collection, still holds is not. */
async function memoryBytes(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 6; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    least = Math.min(least, heapUsed + arrayBuffers);
  }
  return least;
}

const CAPACITY = 500;
const FLOOD = 5_000;
const LONG = 'k'.repeat(10_000);

/** As text comes from a socket: not put together from pieces, of which the long one is shared. */
const whole = (key: string): string => Buffer.from(key, 'latin1').toString('latin1');

interface Flood {
  /** Puts in something that was never seen before. */
  add(key: string): unknown;
  readonly size?: () => number;
}

const sessionsOptions = { ttlMs: 60_000, capacity: CAPACITY, cacheMs: 1_000, loadTimeoutMs: 250, maxPending: 100 };
const neverAnswers = { load: () => new Promise<never>(() => {}), bind: () => new Promise<never>(() => {}) };

const TABLES: Readonly<Record<string, () => Flood>> = {
  'sessions of a service': () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { affinity: { capacity: CAPACITY } });
    return { add: (key) => service.acquire({ key }).done(Outcome.Success) };
  },
  'the table of sessions': () => {
    const table = new SessionTable<string>({ clock: new ManualClock(), ttlMs: 60_000, capacity: CAPACITY });
    return { add: (key) => table.set(key.slice(-128), 'e1'), size: () => table.size };
  },
  'shared sessions whose store hangs': () => {
    const sessions = new SharedSessions(neverAnswers, new ManualClock(), sessionsOptions, () => {});
    return { add: (key) => sessions.set(key.slice(-128), 'e1'), size: () => sessions.size };
  },
  'a rate per key': () => {
    const rate = new KeyedRate({ perSecond: 1, capacity: CAPACITY });
    return { add: (key) => rate.tryAcquire(key, 0), size: () => rate.size };
  },
  'a window per key': () => {
    const window = new KeyedWindow({ max: 1, capacity: CAPACITY });
    return { add: (key) => window.tryAcquire(key, 0), size: () => window.size };
  },
  'keys that a distributed limit refused': () => {
    const limiter = { consume: () => Promise.reject({ msBeforeNext: 60_000 }) };
    const limit = new DistributedLimit({ limiter, blockedCapacity: CAPACITY }, new ManualClock());
    return { add: (key) => limit.tryAcquire(key) };
  },
  'the window of a route of the gateway': () => {
    const counts = new WindowCounts(1, 60_000);
    return { add: (key) => counts.take(key, 0) };
  },
  'lanes that nobody is in': () => {
    const { mesh } = testMesh({
      users: [...endpoints(3), { id: 'x', host: '127.0.0.1', port: 1, meta: { lane: 'x' } }],
    });
    const service = mesh.service('users');
    routeCalls(service, { lanes: true });
    return {
      add: (key) =>
        withLane(laneOf({ 'x-fairlead-lane': key.slice(-20) }), () => service.acquire().done(Outcome.Success)),
    };
  },
  'keys and labels of a split': () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users');
    const rules = [{ arm: 'v2', labels: { 'x-user': { prefix: 'kk' } } }];
    routeCalls(service, { split: { name: 's', arms: { v2: { share: 50, version: '2' } }, rules } });
    return { add: (key) => service.acquire({ key, labels: () => key }).done(Outcome.Success) };
  },
  'methods of gRPC': () => {
    const configs = new MethodConfigs([{ methodConfig: [{ name: [{}], waitForReady: true }] }]);
    return { add: (key) => configs.get(`/${key.slice(-300)}/get`) };
  },
  'statements of MySQL': () => {
    const pool = createPool(createMesh({ resolver: staticResolver({ db: ['127.0.0.1:4'] }) }), { service: 'db' });
    return { add: (key) => pool.route(`SELECT '${key}'`) };
  },
};

describe.each(Object.entries(TABLES))('%s', (_, make) => {
  it(`take memory for no more than their capacity, whatever the number and the length of keys`, async () => {
    const table = make();
    for (let i = 0; i < CAPACITY; i++) await table.add(whole(`${LONG}warm ${i}`));
    const before = await memoryBytes();
    for (let i = 0; i < FLOOD; i++) await table.add(whole(`${LONG}${i}`));
    // Ten times the capacity, 50 MB of keys: of which next to nothing may stay.
    expect((await memoryBytes()) - before).toBeLessThan(3_000_000);
    if (table.size !== undefined) expect(table.size()).toBeLessThanOrEqual(CAPACITY);
  });
});

describe('a flood of made-up keys', () => {
  it.each(['move', 'fail'] as const)('moves no session (%s)', (onUnavailable) => {
    const { mesh } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: 'random', affinity: { capacity: CAPACITY, onUnavailable } });
    const home = (key: string): string => {
      using lease = service.acquire({ key });
      return lease.endpoint.spec.id;
    };
    const real = Array.from({ length: CAPACITY }, (_, i) => `real ${i}`);
    const before = real.map(home);
    for (let i = 0; i < FLOOD; i++) home(`made up ${i}`);
    expect(real.map(home)).toEqual(before);
  });

  it('gives no client a fresh bucket or window', () => {
    const limits = [
      new KeyedRate({ perSecond: 1, burst: 3, capacity: CAPACITY }),
      new KeyedWindow({ max: 3, windowMs: 60_000, capacity: CAPACITY }),
    ];
    for (const limit of limits) {
      for (let i = 0; i < 3; i++) expect(limit.tryAcquire('abuser', 0)).toBe(0);
      let strangers = 0;
      for (let i = 0; i < FLOOD; i++) if (limit.tryAcquire(`made up ${i}`, 1) === 0) strangers++;
      expect(limit.tryAcquire('abuser', 2)).toBeGreaterThan(0);
      // All that found no room have one bucket or window together.
      expect(strangers).toBe(CAPACITY - 1 + 3);
    }
  });
});
