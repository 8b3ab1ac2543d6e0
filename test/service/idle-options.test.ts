import type { AffinityOptions, AffinityStore, ResilienceOptions } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { registerGrpc } from 'fairlead/grpc';
import { ShardedRedis } from 'fairlead/redis';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const refusal = (message: RegExp): unknown =>
  expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION', message: expect.stringMatching(message) as string });

const OF_SHARED_STORES: readonly AffinityOptions[] = [{ cacheMs: 5_000 }, { loadTimeoutMs: 50 }, { maxPending: 5 }];

const shared = { load: () => Promise.resolve(undefined), bind: (_key: string, id: string) => Promise.resolve(id) };

function localStore(): AffinityStore {
  const bound = new Map<string, string>();
  return {
    get: (key) => bound.get(key),
    set: (key, id) => bound.set(key, id),
    delete: (key) => void bound.delete(key),
    get size() {
      return bound.size;
    },
    clear: () => bound.clear(),
  };
}

describe('an option that does nothing without another', () => {
  it.each(OF_SHARED_STORES)('is refused: affinity %j without a shared store', (affinity) => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const [[name, value]] = Object.entries(affinity) as [[string, number]];
    const words = refusal(
      new RegExp(`service 'users'\\.affinity\\.${name} \\(${value}\\) means nothing without a shared store`),
    );
    expect(() => mesh.service('users', { affinity })).toThrow(words);
    expect(() => mesh.service('users', { affinity: { ...affinity, store: localStore() } })).toThrow(words);
    expect(() => mesh.service('users', { affinity: { ...affinity, store: shared } })).not.toThrow();
  });

  it('is taken from a configuration where the program has the store, and refused where it has none', async () => {
    const { mesh } = testMesh({ users: endpoints(1), carts: endpoints(1) });
    mesh.service('users', { affinity: { store: shared } });
    mesh.service('carts', { affinity: true });
    const config = createConfigStore(mesh);
    const say = (name: string) => config.apply({ services: { [name]: { affinity: { cacheMs: 5_000 } } } });
    await say('users');
    await expect(say('carts')).rejects.toThrow(/affinity\.cacheMs \(5000\) means nothing without a shared store/);
  });

  it('is refused: limits.maxPending without a limit of calls in flight', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const limited = (limits: NonNullable<ResilienceOptions['limits']>) => () =>
      mesh.service('users', { resilience: { limits } });
    const words = refusal(/limits\.maxPending is 5: allowed is 0, or more beside one of maxInflight, /);
    expect(limited({ maxPending: 5 })).toThrow(words);
    expect(limited({ maxPending: 5, rate: { perSecond: 1 } })).toThrow(words);
    expect(limited({ maxPending: 5, adaptivePerEndpoint: true })).not.toThrow();
  });

  it('is refused: compatibility of a ShardedRedis whose placement is not ketama', () => {
    const { mesh } = testMesh({ cache: endpoints(1) });
    const make = () =>
      new ShardedRedis(mesh, {
        service: 'cache',
        placement: 'maglev',
        compatibility: 'twemproxy',
        lazyConnect: true,
      });
    expect(make).toThrow(refusal(/compatibility is "twemproxy": allowed is 'none', unless placement is 'ketama'/));
  });

  it('is refused: serviceConfigPrefix of gRPC without a source', () => {
    const { mesh } = testMesh({ echo: endpoints(1) });
    const make = () => registerGrpc(mesh, { serviceConfigPrefix: 'prod/' });
    expect(make).toThrow(refusal(/serviceConfigPrefix is "prod\/": allowed is none without a serviceConfigSource/));
  });
});

describe('a store of one process that has a method named load', () => {
  it('is not taken for a shared one', () => {
    const { mesh } = testMesh({ users: endpoints(5) });
    const store = Object.assign(localStore(), { load: () => Promise.resolve() });
    const users = mesh.service('users', { policy: 'round_robin', affinity: { store: store as never } });
    const ids = Array.from({ length: 3 }, () => users.acquire({ key: 'alice' }).endpoint.spec.id);
    expect([new Set(ids).size, store.size]).toEqual([1, 1]);
  });
});
