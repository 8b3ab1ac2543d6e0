import type { AffinityEvent, AffinityOptions, EndpointInput, Service, SharedAffinityStore } from 'fairlead';
import type { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/**
 * A store that takes `delayMs` for everything, and may be down; what was asked before it went down
 * arrives all the same.
 */
class SlowStore implements SharedAffinityStore {
  readonly bindings = new Map<string, string>();
  readonly clock: ManualClock;
  delayMs = 0;
  down = false;
  /** Answers are lost on their way, so that writes take effect and nothing is heard of them. */
  mute = false;

  constructor(clock: ManualClock) {
    this.clock = clock;
  }

  load(key: string): Promise<string | undefined> {
    return this.#answer(() => this.bindings.get(key));
  }

  bind(key: string, endpointId: string, _ttlMs: number, replaces: string | undefined): Promise<string> {
    return this.#answer(() => {
      const bound = this.bindings.get(key);
      if (bound !== undefined && bound !== replaces) return bound;
      this.bindings.set(key, endpointId);
      return endpointId;
    });
  }

  #answer<T>(act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.clock.after(this.delayMs, () => {
        if (this.down) reject(new Error('store is down'));
        else {
          const result = act();
          if (!this.mute) resolve(result);
        }
      });
    });
  }
}

function process(count: number, more: AffinityOptions = {}) {
  const test = testMesh({ users: endpoints(count) });
  const store = new SlowStore(test.clock);
  const service = test.mesh.service('users', { policy: 'random', affinity: { store, ...more } });
  const moves: AffinityEvent[] = [];
  service.on('affinity', (event) => moves.push(event));
  const errors: string[] = [];
  service.on('error', ({ message }) => errors.push(message));
  const without = (...ids: string[]): EndpointInput[] =>
    endpoints(count).filter((each) => !ids.includes((each as { id: string }).id));
  return { ...test, store, service, moves, errors, without };
}

const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `session ${i}`);

async function homes(service: Service, clock: ManualClock, sessions: readonly string[]): Promise<string[]> {
  const asked = sessions.map((key) => service.call((endpoint) => endpoint.spec.id, { key }));
  await clock.advanceAsync(1_000);
  return Promise.all(asked);
}

describe('a session that moves while its shared store fails', () => {
  it('moves once: what the store still has does not move it back', async () => {
    const { service, clock, store, resolver, moves, without } = process(4, { cacheMs: 1_000 });
    const sessions = keys(64);
    const before = await homes(service, clock, sessions);
    const leaving = sessions.filter((_, i) => before[i] === 'e1').length;
    expect(leaving).toBeGreaterThan(5);
    await clock.advanceAsync(2_000);
    store.down = true;
    resolver.update('users', without('e1'));
    const during = await homes(service, clock, sessions);
    expect(moves).toHaveLength(leaving);
    await clock.advanceAsync(10_000);
    store.down = false;
    for (let round = 0; round < 3; round++) {
      expect(await homes(service, clock, sessions)).toEqual(during);
      await clock.advanceAsync(2_000);
    }
    expect(moves).toHaveLength(leaving);
    expect([...store.bindings.values()].sort()).toEqual([...during].sort());
  });

  it('moves once where the store is merely slow, and its queue too short for all that move', async () => {
    const { service, clock, store, resolver, moves, without } = process(4, { cacheMs: 1_000, maxPending: 200 });
    const sessions = keys(2_000);
    await homes(service, clock, sessions);
    const before = await homes(service, clock, sessions);
    await clock.advanceAsync(2_000);
    store.delayMs = 5;
    resolver.update('users', without('e1'));
    // At once, without asking the store: as gRPC does.
    const during = sessions.map((key) => {
      using lease = service.acquire({ key });
      return lease.endpoint.spec.id;
    });
    const moved = before.filter((id) => id === 'e1').length;
    expect(moves).toHaveLength(moved);
    for (let round = 0; round < 4; round++) {
      await clock.advanceAsync(2_000);
      expect(await homes(service, clock, sessions)).toEqual(during);
    }
    expect(moves).toHaveLength(moved);
    expect([...store.bindings.values()].filter((id) => id === 'e1')).toEqual([]);
  });

  it('stays where it went although a write that was given up arrives later', async () => {
    const { service, clock, store, resolver, moves, without } = process(4, { cacheMs: 1_000, loadTimeoutMs: 50 });
    const [first] = await homes(service, clock, ['ada']);
    await clock.advanceAsync(2_000);
    store.mute = true;
    resolver.update('users', without(first!));
    const acquire = (): string => {
      using lease = service.acquire({ key: 'ada' });
      return lease.endpoint.spec.id;
    };
    const second = acquire();
    await clock.advanceAsync(60);
    // The store has the second one now; nothing was heard of it.
    expect([...store.bindings.values()]).toEqual([second]);
    resolver.update('users', without(first!, second));
    const third = acquire();
    store.mute = false;
    for (let round = 0; round < 5; round++) {
      await clock.advanceAsync(2_000);
      expect(acquire()).toBe(third);
    }
    expect([...store.bindings.values()]).toEqual([third]);
    expect(moves.map(({ to }) => to)).toEqual([second, third]);
  });

  it('follows another process that moved it meanwhile', async () => {
    const { service, clock, store, resolver, without } = process(4, { cacheMs: 1_000 });
    const [first] = await homes(service, clock, ['ada']);
    await clock.advanceAsync(2_000);
    store.down = true;
    resolver.update('users', without(first!));
    const [second] = await homes(service, clock, ['ada']);
    const elsewhere = ['e0', 'e1', 'e2', 'e3'].find((id) => id !== first && id !== second)!;
    for (const key of store.bindings.keys()) store.bindings.set(key, elsewhere);
    store.down = false;
    await clock.advanceAsync(5_000);
    await homes(service, clock, ['ada']);
    expect(await homes(service, clock, ['ada'])).toEqual([elsewhere]);
  });
});

describe('a service that closes', () => {
  it('writes the bindings that wait, as far as its deadline goes', async () => {
    const { service, clock, store, errors } = process(4);
    store.delayMs = 5;
    for (const key of keys(100)) service.acquire({ key })[Symbol.dispose]();
    const closing = service.close();
    await clock.advanceAsync(1_000);
    await closing;
    expect(store.bindings.size).toBe(100);
    expect(errors).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['is down', { down: true }],
    ['hangs', { mute: true }],
  ])('waits no longer than for one answer where the store %s, and says what was lost', async (_, state) => {
    const { service, clock, store, errors } = process(4, { loadTimeoutMs: 250 });
    Object.assign(store, state);
    for (const key of keys(100)) service.acquire({ key })[Symbol.dispose]();
    const closing = service.close();
    await clock.advanceAsync(500);
    await closing;
    expect(errors.at(-1)).toMatch(/^Service 'users' closed before 100 of its sessions were in the affinity store/);
    expect(clock.pending).toBe(0);
  });

  it('does not wait past its deadline', async () => {
    const { service, clock, store, errors } = process(4);
    store.delayMs = 200;
    for (const key of keys(100)) service.acquire({ key })[Symbol.dispose]();
    let closed = false;
    const closing = service.close({ deadlineMs: 300 }).then(() => {
      closed = true;
    });
    await clock.advanceAsync(299);
    expect(closed).toBe(false);
    await clock.advanceAsync(1);
    await closing;
    expect(errors.at(-1)).toMatch(/closed before \d+ of its sessions/);
    await clock.advanceAsync(1_000);
    expect(clock.pending).toBe(0);
  });
});

describe('a shared store that answers with nonsense', () => {
  it.each([
    ['nothing', undefined, /answered bind with undefined/],
    ['a number', 7, /answered bind with number/],
    ['an empty text', '', /answered bind with an empty text/],
  ])('to bind (%s) is reported, and sessions stay with what this process knows', async (_, answer, message) => {
    const { service, clock, store, errors } = process(4, { cacheMs: 1_000 });
    store.bind = () => Promise.resolve(answer as never);
    const before = await homes(service, clock, keys(5));
    await clock.advanceAsync(5_000);
    expect(await homes(service, clock, keys(5))).toEqual(before);
    expect(errors[0]).toMatch(message);
  });

  it('to load is reported, and is no session', async () => {
    const { service, clock, store, errors } = process(4);
    store.load = () => Promise.resolve({ id: 'e1' } as never);
    expect(await homes(service, clock, ['ada'])).toEqual([expect.stringMatching(/^e\d$/)]);
    expect(errors).toEqual([
      expect.stringMatching(/answered load with object: it must be the id of an endpoint or undefined/),
    ]);
  });
});
