import {
  type AffinityOptions,
  consecutiveFailures,
  type EndpointInput,
  Outcome,
  type Service,
  type SharedAffinityStore,
} from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function sticky(affinity: AffinityOptions, count = 4) {
  const test = testMesh({ users: endpoints(count) });
  const options = { policy: 'random' as const, affinity, panicThreshold: 0, health: [consecutiveFailures()] };
  const service = test.mesh.service('users', options);
  const without = (id: string): EndpointInput[] =>
    endpoints(count).filter((each) => (each as { id: string }).id !== id);
  return { ...test, service, without };
}

function call(service: Service, key: string): string {
  const lease = service.acquire({ key });
  lease.done(Outcome.Success);
  return lease.endpoint.spec.id;
}

function eject(service: Service, id: string): void {
  for (let i = 0; i < 5; i++) service.acquire({ prefer: id }).done(Outcome.Failure);
}

const byId = (service: Service, id: string) => service.endpoints.find(({ spec }) => spec.id === id)!;
const keys = Array.from({ length: 20 }, (_, i) => `stranger ${i}`);

describe('what is said of a session for which there is no room', () => {
  it('is the endpoint where its key alone places it, and no draw of the policy', () => {
    const { service } = sticky({ capacity: 1 });
    expect(service.explain({ key: 'real' }).session).toEqual({ state: 'begins', home: undefined });
    call(service, 'real');
    for (const key of keys) {
      const said = service.explain({ key });
      expect(said).toMatchObject({ by: 'session', session: { state: 'placed', home: undefined } });
      expect(call(service, key)).toBe(said.chosen);
      expect(call(service, key)).toBe(said.chosen);
    }
  });

  it('holds for a TTL after the last that found none, although there is room again', () => {
    const { service, clock } = sticky({ capacity: 1, ttlMs: 10_000 });
    call(service, 'real');
    const home = call(service, keys[0]!);
    clock.advance(9_999);
    expect(service.explain({ key: keys[0]! })).toMatchObject({ chosen: home, session: { state: 'placed' } });
    clock.advance(2);
    expect(service.explain({ key: keys[0]! })).toMatchObject({ by: 'policy', session: { state: 'begins' } });
    // A table that was never full begins sessions.
    expect(sticky({}).service.explain({ key: 'a' }).session?.state).toBe('begins');
  });

  it('passes by what is out and what the call tried, where sessions may move', () => {
    const { service } = sticky({ capacity: 1 });
    call(service, 'real');
    const own = keys.filter((key) => service.explain({ key }).chosen === 'e1');
    const tried = [byId(service, 'e1')];
    for (const key of own) {
      const said = service.explain({ key, tried });
      expect(said.session?.state).toBe('placed');
      expect(said.chosen).not.toBe('e1');
      expect(service.acquire({ key, tried }).endpoint.spec.id).toBe(said.chosen);
    }
    eject(service, 'e1');
    for (const key of own) {
      const said = service.explain({ key });
      expect(said.chosen).not.toBe('e1');
      expect(call(service, key)).toBe(said.chosen);
    }
    expect(own.length).toBeGreaterThan(1);
  });

  it('is left to the policy where the call tried all', () => {
    const { service } = sticky({ capacity: 1 }, 2);
    call(service, 'real');
    const tried = [...service.endpoints];
    expect(service.explain({ key: 'x', tried })).toMatchObject({ by: 'policy', session: { state: 'begins' } });
    expect(['e0', 'e1']).toContain(service.acquire({ key: 'x', tried }).endpoint.spec.id);
  });

  it('is its refusal, in the words of the call, where sessions must not move', () => {
    const { service } = sticky({ capacity: 1, onUnavailable: 'fail' });
    call(service, 'real');
    const key = keys.find((each) => service.explain({ key: each }).chosen === 'e1')!;
    const words = (why: string) =>
      `The session's endpoint 'e1' of service 'users' is not available (${why}); ` +
      `affinity.onUnavailable is 'fail', so no other was tried.`;
    const refusal = (request: Parameters<Service['acquire']>[0], why: string) => {
      const wanted = { code: 'FAIRLEAD_AFFINITY_LOST', message: words(why) };
      expect(service.explain(request).refused).toEqual(wanted);
      expect(() => service.acquire(request)).toThrow(expect.objectContaining(wanted));
    };
    refusal({ key, tried: [byId(service, 'e1')] }, 'tried');
    eject(service, 'e1');
    refusal({ key }, 'unavailable');
  });
});

describe('what is said of a session that has its endpoint', () => {
  it('is where it moves from, where that cannot be used', () => {
    const { service } = sticky({});
    const home = call(service, 'a');
    expect(service.explain({ key: 'a' }).session).toEqual({ state: 'bound', home });
    const moving = { by: 'policy', session: { state: 'moves', home } };
    expect(service.explain({ key: 'a', tried: [byId(service, home)] })).toMatchObject(moving);
    eject(service, home);
    expect(service.explain({ key: 'a' })).toMatchObject(moving);
  });

  it('stays with an endpoint that drains, and not with one that left', () => {
    for (const drainMs of [0, 5_000]) {
      const { service, resolver, without } = sticky({ drainMs });
      const home = call(service, 'a');
      resolver.update('users', without(home));
      const said = service.explain({ key: 'a' });
      expect(said.session).toEqual({ state: drainMs === 0 ? 'moves' : 'bound', home });
      expect(call(service, 'a') === home).toBe(drainMs > 0);
    }
  });

  it('is why it is refused, where it must not move', () => {
    const { service, resolver, without } = sticky({ onUnavailable: 'fail', drainMs: 0 });
    const home = call(service, 'a');
    const endpoint = byId(service, home);
    const said = (request: Parameters<Service['acquire']>[0]) => service.explain(request).refused?.message;
    expect(said({ key: 'a', tried: [endpoint] })).toContain('is not available (tried)');
    eject(service, home);
    expect(said({ key: 'a' })).toContain('is not available (unavailable)');
    expect(said({ key: 'a' })).not.toContain('unbind');
    expect(said({ prefer: home })).toContain('is not available (unavailable)');
    // An id that nobody has is no session.
    expect(said({ prefer: 'e9' })).toBeUndefined();
    resolver.update('users', without(home));
    const words = 'service.unbind(key) lets the session begin anew.';
    expect(said({ key: 'a' })).toMatch(/is not available \(departed\).*anew\.$/);
    expect(said({ key: 'a' })).toContain(words);
    expect(() => service.acquire({ key: 'a' })).toThrow(words);
  });
});

describe('what is said of a session in a store', () => {
  it('asks a store of the own', () => {
    const known = new Map([['any', 'e2']]);
    const store = {
      get: () => known.get('any'),
      set: (_key: string, id: string) => void known.set('any', id),
      delete: () => {},
      size: 0,
      clear: () => {},
    };
    const { service } = sticky({ store });
    const moves: unknown[] = [];
    service.on('affinity', (event) => moves.push(event));
    expect(service.explain({ key: 'a' })).toMatchObject({ by: 'session', chosen: 'e2' });
    // An id without an address is that of whichever process has it.
    expect([call(service, 'a'), moves]).toEqual(['e2', []]);
    known.clear();
    expect(service.explain({ key: 'a' }).session?.state).toBe('begins');
  });

  it('is what is known of it here, and a shared store is not asked', async () => {
    let asked = 0;
    const store: SharedAffinityStore = {
      load: () => {
        asked++;
        return Promise.resolve(undefined);
      },
      bind: (_key, id) => Promise.resolve(id),
    };
    const { service, clock } = sticky({ store, capacity: 2, onUnavailable: 'move' });
    expect(service.explain({ key: 'a' }).session).toEqual({ state: 'begins', home: undefined });
    const home = call(service, 'a');
    await clock.advanceAsync(10);
    const before = asked;
    expect(service.explain({ key: 'a' })).toMatchObject({ chosen: home, session: { state: 'bound', home } });
    expect(asked).toBe(before);
    // What the store has may be asked for again: it stands in nobody's way.
    call(service, 'b');
    await clock.advanceAsync(10);
    expect(service.explain({ key: 'c' }).session?.state).toBe('begins');
  });
});
