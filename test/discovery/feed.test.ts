import { createMesh, type EndpointSpec, type Resolver, type ResolverSink, staticResolver } from 'fairlead';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

/** A registry that reports whatever it is told to, as often as it is told to. */
function storming() {
  const clock = new ManualClock();
  let sink: ResolverSink | undefined;
  const resolver: Resolver = {
    name: 'storming',
    watch: (_query, to) => {
      sink = to;
    },
  };
  const mesh = createMesh({ resolver, clock, random: seededRandom(1) });
  const service = mesh.service('users');
  let version = 0;
  const list = (count: number, weight = 1): EndpointSpec[] =>
    Array.from({ length: count }, (_, i) => ({
      id: `e${i}`,
      host: '127.0.0.1',
      port: 1_000 + i,
      weight,
      priority: 0,
      zone: '',
      tags: [],
      meta: {},
    }));
  let applied = 0;
  service.on('rotation', () => applied++);
  return {
    clock,
    mesh,
    service,
    tell: (count: number, weight?: number) => sink!.snapshot(list(count, weight), String(++version)),
    applied: () => applied,
  };
}

describe('lists that a resolver reports', () => {
  it('are in force at once where they are few', () => {
    const { service, tell, clock } = storming();
    for (let i = 1; i <= 20; i++) {
      tell(i);
      expect(service.endpoints).toHaveLength(i);
    }
    expect(clock.pending).toBe(0);
  });

  it('are taken together when they come in a storm, the newest in force soon', async () => {
    const { service, tell, clock, applied } = storming();
    for (let i = 0; i < 3_000; i++) {
      tell(1 + (i % 50));
      await clock.advanceAsync(1);
    }
    expect(applied()).toBeLessThan(150);
    tell(7);
    await clock.advanceAsync(100);
    expect([service.endpoints.length, service.discovery.version]).toEqual([7, '3001']);
    expect(clock.pending).toBe(0);
  });

  it('are taken together the more, the longer they are', async () => {
    const { tell, clock, applied, service } = storming();
    for (let i = 0; i < 200; i++) {
      tell(5_000, 1 + (i % 3));
      await clock.advanceAsync(10);
    }
    expect(applied()).toBeLessThan(20);
    await clock.advanceAsync(1_000);
    expect(service.endpoints).toHaveLength(5_000);
  });

  it('are not waited for once the service is closed', async () => {
    const { mesh, tell, clock } = storming();
    for (let i = 0; i < 1_000; i++) tell(1 + (i % 2));
    expect(clock.pending).toBe(1);
    await mesh.close();
    expect(clock.pending).toBe(0);
  });

  it('go on at once after a quiet time', async () => {
    const { service, tell, clock } = storming();
    for (let i = 0; i < 1_000; i++) tell(1 + (i % 2));
    await clock.advanceAsync(10_000);
    tell(9);
    expect(service.endpoints).toHaveLength(9);
  });
});

describe('the sink of a resolver', () => {
  it('may be taken apart, and spread into one of its own', () => {
    const resolver: Resolver = {
      name: 'wrapping',
      watch: (_query, sink) => {
        const { snapshot } = sink;
        const own: ResolverSink = { ...sink, snapshot: (specs, version) => snapshot(specs, `own-${version}`) };
        own.snapshot([], '1');
        own.error(new Error('lost'));
      },
    };
    const { version, error } = createMesh({ resolver }).service('users').discovery;
    expect([version, error?.message]).toEqual(['own-1', 'lost']);
  });

  it('goes through a `watch` that a program has wrapped', () => {
    const resolver = staticResolver({ users: ['127.0.0.1:1'] });
    const watch = resolver.watch.bind(resolver);
    const asked: string[] = [];
    resolver.watch = (query, ...rest) => {
      asked.push(query.service);
      watch(query, ...rest);
    };
    expect(createMesh({ resolver }).service('users').endpoints).toHaveLength(1);
    expect(asked).toEqual(['users']);
  });
});
