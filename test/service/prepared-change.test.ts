import { Outcome, type Resolver, type Service, type ServiceOptions } from 'fairlead';
import { scriptedResolver } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { type PreparedChange, prepareChange } from '../../src/service/change.js';
import type { LiveService } from '../../src/service/service.js';
import { endpoints, testMesh } from '../support/mesh.js';

const PATIENCE_MS = 5_000;

function start(given: ServiceOptions, count = 3) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin', health: [], ...given }) as LiveService;
  const prepare = (options: ServiceOptions, resolver: Resolver = test.resolver): Promise<PreparedChange> =>
    prepareChange(service, { options: { policy: 'round_robin', health: [], ...options }, resolver }, PATIENCE_MS);
  const change = async (options: ServiceOptions, resolver?: Resolver): Promise<void> => {
    const prepared = await prepare(options, resolver);
    prepared.swap();
    prepared.settle();
  };
  return { ...test, service, prepare, change };
}

function homeOf(service: Service, key: string): string {
  const lease = service.acquire({ key });
  lease.done(Outcome.Success);
  return lease.endpoint.spec.id;
}

/** A store of a program, and the keys that it was asked for. */
function storeOf(kept = new Map<unknown, unknown>()) {
  const asked: unknown[] = [];
  const store = {
    get: (key: unknown) => {
      asked.push(key);
      return kept.get(key);
    },
    set: (key: unknown, value: unknown) => void kept.set(key, value),
    delete: (key: unknown) => void kept.delete(key),
    clear: () => kept.clear(),
    get size() {
      return kept.size;
    },
  };
  return { store: store as never, asked, kept };
}

describe('sessions of a service that changes', () => {
  it('stay where they are by other rules, which are in force', async () => {
    const { store, kept } = storeOf();
    const { service, resolver, change } = start({ affinity: { store } });
    const home = homeOf(service, 'ada');
    await change({ affinity: { store, onUnavailable: 'fail' } });
    expect(homeOf(service, 'ada')).toBe(home);
    expect(kept.size).toBe(1);
    resolver.update(
      'users',
      endpoints(3).filter((each) => (each as { id: string }).id !== home),
    );
    expect(() => service.acquire({ key: 'ada' })).toThrow(expect.objectContaining({ code: 'FAIRLEAD_AFFINITY_LOST' }));
  });

  it('of a table follow into the next, whatever else of it is another', async () => {
    const { service, change } = start({ affinity: { ttlMs: 60_000 } });
    const homes = ['ada', 'bob', 'cleo'].map((key) => homeOf(service, key));
    for (const affinity of [{ ttlMs: 90_000 }, { ttlMs: 90_000, capacity: 10 }, { capacity: 10, drainMs: 5 }, true]) {
      await change({ affinity });
      expect(['ada', 'bob', 'cleo'].map((key) => homeOf(service, key))).toEqual(homes);
    }
  });

  it('of a table follow where they began while the change was prepared', async () => {
    const { service, clock, prepare } = start({ affinity: true });
    const next = scriptedResolver({ clock, script: { users: [{ atMs: 100, snapshot: endpoints(3) }] } });
    const preparing = prepare({ affinity: { ttlMs: 60_000 } }, next);
    const homes = ['ada', 'bob', 'cleo'].map((key) => homeOf(service, key));
    clock.advance(100);
    const prepared = await preparing;
    prepared.swap();
    prepared.settle();
    // In another order: they would go there by turns too.
    expect(['cleo', 'bob', 'ada'].map((key) => homeOf(service, key))).toEqual(homes.toReversed());
  });

  it('of a table do not come back where their time is over', async () => {
    const { service, clock, change } = start({ affinity: { ttlMs: 1_000 } });
    homeOf(service, 'ada');
    clock.advance(900);
    homeOf(service, 'bob');
    clock.advance(200);
    await change({ affinity: { ttlMs: 2_000 } });
    expect(['ada', 'bob'].map((key) => service.explain({ key }).session?.state)).toEqual(['begins', 'bound']);
  });

  it('with a call in progress do not end meanwhile, nor where they are kept otherwise since', async () => {
    const { service, clock, change } = start({ affinity: { ttlMs: 60_000 } });
    const lease = service.acquire({ key: 'ada' });
    await change({ affinity: { ttlMs: 1_000 } });
    await change({ affinity: { ttlMs: 1_000, capacity: 7 } });
    clock.advance(30_000);
    const session = () => service.explain({ key: 'ada' }).session;
    expect(session()).toEqual({ state: 'bound', home: lease.endpoint.spec.id });
    lease.done(Outcome.Success);
    clock.advance(1_001);
    expect(session()?.state).toBe('begins');
    expect(clock.pending).toBe(0);
  });

  it('stay with an endpoint that drains, as long as they would have', async () => {
    const { service, clock, resolver, change } = start({ affinity: { drainMs: 1_000 } });
    const home = homeOf(service, 'ada');
    resolver.update(
      'users',
      endpoints(3).filter((each) => (each as { id: string }).id !== home),
    );
    await change({ affinity: { drainMs: 1_000, capacity: 7 } });
    clock.advance(999);
    expect(homeOf(service, 'ada')).toBe(home);
    clock.advance(1);
    expect(homeOf(service, 'ada')).not.toBe(home);
  });

  it('are those of another store, where it has any', async () => {
    const [one, other] = [storeOf(), storeOf()];
    const { service, change } = start({ affinity: { store: one.store } });
    homeOf(service, 'ada');
    await change({ affinity: { store: other.store } });
    homeOf(service, 'ada');
    expect([one.kept.size, other.kept.size]).toEqual([1, 1]);
    const askedBefore = one.asked.length;
    homeOf(service, 'ada');
    expect(one.asked).toHaveLength(askedBefore);
  });

  it('begin where there were none, and end where there are to be none', async () => {
    const { service, change } = start({});
    expect(new Set([1, 2, 3].map(() => homeOf(service, 'ada'))).size).toBe(3);
    await change({ affinity: true });
    expect(new Set([1, 2, 3].map(() => homeOf(service, 'ada'))).size).toBe(1);
    await change({});
    expect(new Set([1, 2, 3].map(() => homeOf(service, 'ada'))).size).toBe(3);
  });

  it('are told of by the service: a move, and a table that is full', async () => {
    const { service, resolver, change } = start({});
    const events: string[] = [];
    service.on('affinity', ({ from, to }) => events.push(`moved from ${from} to ${to}`));
    service.on('sessionsFull', () => events.push('full'));
    await change({ affinity: { capacity: 1 } });
    const home = homeOf(service, 'ada');
    resolver.update(
      'users',
      endpoints(3).filter((each) => (each as { id: string }).id !== home),
    );
    const next = homeOf(service, 'ada');
    expect(next).not.toBe(home);
    expect(events).toEqual([`moved from ${home} to ${next}`]);
    const held = service.acquire({ key: 'ada' });
    service.acquire({ key: 'bob' }).done(Outcome.Success);
    held.done(Outcome.Success);
    expect(events).toHaveLength(2);
    expect(events[1]).toBe('full');
  });
});

describe('a change that is prepared', () => {
  it('is in force from its swap on, and never where it is given up', async () => {
    const { service, prepare } = start({ resilience: { limits: { maxInflight: 1 } } });
    const lease = service.acquire();
    const prepared = await prepare({ resilience: { limits: { maxInflight: 2 } } });
    expect(() => service.acquire()).toThrow(/in flight/);
    prepared.abandon();
    expect(() => service.acquire()).toThrow(/in flight/);
    const next = await prepare({ resilience: { limits: { maxInflight: 2 } } });
    next.swap();
    service.acquire().done(Outcome.Success);
    lease.done(Outcome.Success);
  });

  it('watches another resolver from then on, and leaves the one before', async () => {
    const { service, clock, prepare } = start({});
    const next = scriptedResolver({ clock, script: { users: [{ atMs: 0, snapshot: ['127.0.0.1:9'] }] } });
    const given = await prepare({}, next);
    expect(next.watching('users')).toBe(1);
    expect(service.endpoints).toHaveLength(3);
    given.abandon();
    expect(next.watching('users')).toBe(0);
    const taken = await prepare({}, next);
    taken.swap();
    taken.settle();
    expect(service.source).toBe(next.name);
    expect(service.endpoints.map(({ spec }) => spec.port)).toEqual([9]);
    await service.close();
    expect(next.watching('users')).toBe(0);
  });

  it('waits for no list where the service has no endpoint to lose', async () => {
    const { service, clock, change } = start({}, 0);
    const next = scriptedResolver({ clock, script: { users: [{ atMs: 100, snapshot: ['127.0.0.1:9'] }] } });
    await change({}, next);
    expect(service.endpoints).toEqual([]);
    clock.advance(100);
    expect(service.endpoints).toHaveLength(1);
  });

  it('asks the resolver whether it takes the parameters, and watches by them where they are others', async () => {
    const { service, prepare } = start({});
    const watched: unknown[] = [];
    const next: Resolver = {
      name: 'next',
      check: ({ params }) => {
        if (params.datacenter === 'nowhere') throw new Error('there is no such datacenter');
      },
      watch: ({ params }, sink) => {
        watched.push(params);
        sink.snapshot([{ ...service.endpoints[0]!.spec }], String(watched.length));
      },
    };
    await expect(prepare({ discovery: { datacenter: 'nowhere' } }, next)).rejects.toThrow('no such datacenter');
    expect(watched).toEqual([]);
    for (const datacenter of ['eu', 'eu', 'us']) {
      const prepared = await prepare({ discovery: { datacenter } }, next);
      prepared.swap();
      prepared.settle();
    }
    expect(watched).toEqual([{ datacenter: 'eu' }, { datacenter: 'us' }]);
  });
});
