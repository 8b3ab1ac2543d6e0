import { type AffinityOptions, type Service, type SharedAffinityStore, sessionHash } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { SharedSessions } from '../../src/affinity/shared-sessions.js';
import { endpoints, testMesh } from '../support/mesh.js';

/** A store in memory that can be made to fail, to hang, and that counts. */
class FakeStore implements SharedAffinityStore {
  readonly bindings = new Map<string, string>();
  loads = 0;
  binds = 0;
  mode: 'up' | 'down' | 'hanging' = 'up';

  async load(key: string): Promise<string | undefined> {
    this.loads++;
    await this.#answer();
    return this.bindings.get(key);
  }

  async bind(key: string, endpointId: string, _ttlMs: number, replaces: string | undefined): Promise<string> {
    this.binds++;
    await this.#answer();
    const bound = this.bindings.get(key);
    if (bound !== undefined && bound !== replaces) return bound;
    this.bindings.set(key, endpointId);
    return endpointId;
  }

  #answer(): Promise<void> {
    if (this.mode === 'down') return Promise.reject(new Error('store is down'));
    return this.mode === 'hanging' ? new Promise(() => {}) : Promise.resolve();
  }
}

function process(store: FakeStore, more: AffinityOptions = {}, seed = 1) {
  const test = testMesh({ users: endpoints(20) }, { seed });
  return { ...test, service: test.mesh.service('users', { policy: 'random', affinity: { store, ...more } }) };
}

const idOf = (service: Service, key: string): Promise<string> => service.call((endpoint) => endpoint.spec.id, { key });

describe('a shared store', () => {
  it('gives a session the same endpoint in every process', async () => {
    const store = new FakeStore();
    const first = process(store, {}, 1);
    const ids = await Promise.all(Array.from({ length: 30 }, (_, i) => idOf(first.service, `s${i}`)));
    await first.clock.advanceAsync(1);
    const second = process(store, {}, 2);
    const again = await Promise.all(Array.from({ length: 30 }, (_, i) => idOf(second.service, `s${i}`)));
    expect(again).toEqual(ids);
  });

  it('is asked once per session and cacheMs', async () => {
    const store = new FakeStore();
    const { service, clock } = process(store, { cacheMs: 5_000 });
    for (let i = 0; i < 10; i++) {
      await idOf(service, 's');
      await clock.advanceAsync(1);
    }
    expect([store.loads, store.binds]).toEqual([1, 1]);
    await clock.advanceAsync(5_000);
    await idOf(service, 's');
    expect([store.loads, store.binds]).toEqual([2, 1]);
  });

  it('hears of a session in use before its TTL is over there, however long bindings are believed here', async () => {
    const store = new FakeStore();
    const { service, clock } = process(store, { ttlMs: 8_000, cacheMs: 60_000 });
    await idOf(service, 's');
    for (let second = 0; second < 20; second++) {
      await clock.advanceAsync(1_000);
      await idOf(service, 's');
    }
    expect(store.loads).toBeGreaterThanOrEqual(5);
  });

  it('decides when two processes bind a session at once', async () => {
    const store = new FakeStore();
    const [one, two] = [process(store, {}, 1), process(store, {}, 2)];
    // Both have asked and found nothing; both bind.
    const [a, b] = [one.service.acquire({ key: 's' }), two.service.acquire({ key: 's' })];
    expect(a.endpoint.spec.id).not.toBe(b.endpoint.spec.id);
    await one.clock.advanceAsync(1);
    await two.clock.advanceAsync(1);
    expect(await idOf(one.service, 's')).toBe(a.endpoint.spec.id);
    expect(await idOf(two.service, 's')).toBe(a.endpoint.spec.id);
  });

  it('is told when a session moves', async () => {
    const store = new FakeStore();
    const { service, clock, resolver } = process(store);
    const before = await idOf(service, 's');
    await clock.advanceAsync(1);
    resolver.update(
      'users',
      endpoints(20).filter((each) => (each as { id: string }).id !== before),
    );
    const after = await idOf(service, 's');
    await clock.advanceAsync(1);
    expect(after).not.toBe(before);
    expect(store.bindings.get(sessionHash('s'))).toBe(after);
  });

  it('that is down costs no call its answer, is left alone for a second, and is caught up with later', async () => {
    const store = new FakeStore();
    store.mode = 'down';
    const { service, clock } = process(store);
    const errors: string[] = [];
    service.on('error', ({ message }) => errors.push(message));
    const id = await idOf(service, 's');
    for (let i = 0; i < 20; i++) expect(await idOf(service, 's')).toBe(id);
    expect(store.loads).toBe(1);
    expect(errors).toEqual(['store is down']);
    store.mode = 'up';
    await clock.advanceAsync(1_000);
    await idOf(service, 's');
    await clock.advanceAsync(1);
    expect(store.bindings.get(sessionHash('s'))).toBe(id);
  });

  it('that hangs holds a call no longer than loadTimeoutMs', async () => {
    const store = new FakeStore();
    store.mode = 'hanging';
    const { service, clock } = process(store, { loadTimeoutMs: 100 });
    const errors: string[] = [];
    service.on('error', ({ message }) => errors.push(message));
    let done = false;
    const call = idOf(service, 's').then(() => {
      done = true;
    });
    await clock.advanceAsync(99);
    expect(done).toBe(false);
    await clock.advanceAsync(1);
    await call;
    expect(errors[0]).toBe('The affinity store did not answer within 100 ms.');
  });

  it('lets acquire use what is known at once', () => {
    const store = new FakeStore();
    const { service } = process(store);
    const first = service.acquire({ key: 's' }).endpoint;
    for (let i = 0; i < 10; i++) expect(service.acquire({ key: 's' }).endpoint).toBe(first);
  });

  it('that is slow to write keeps no more bindings waiting than maxPending', async () => {
    const store = new FakeStore();
    store.mode = 'hanging';
    const clock = new ManualClock();
    const options = { ttlMs: 1_000_000, capacity: 1_000, cacheMs: 1_000, loadTimeoutMs: 250, maxPending: 5 };
    const sessions = new SharedSessions(store, clock, options, () => {});
    for (let i = 0; i < 1_000; i++) sessions.set(`s${i}`, 'e1');
    await clock.advanceAsync(0);
    expect(store.binds).toBe(16);
    store.mode = 'up';
    await clock.advanceAsync(5_000);
    // Those in progress failed; of the others only the last five had been kept.
    expect([...store.bindings.keys()]).toEqual(['s995', 's996', 's997', 's998', 's999']);
  });

  it('leaves no timer behind when the service closes', async () => {
    const store = new FakeStore();
    store.mode = 'down';
    const { service, clock, mesh } = process(store);
    await idOf(service, 's');
    await mesh.close();
    await clock.advanceAsync(0);
    expect(clock.pending).toBe(0);
  });

  it('is refused when it is neither kind of store', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    expect(() => mesh.service('users', { affinity: { store: {} as never } })).toThrow(
      /affinity\.store is an object: allowed is a store with get and set, or a shared one/,
    );
  });
});
