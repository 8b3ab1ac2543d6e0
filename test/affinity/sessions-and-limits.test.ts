import { type AffinityEvent, type FairleadError, Outcome, type Service, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function sticky(affinity: ServiceOptions['affinity'], more: ServiceOptions = {}, count = 4) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'random', affinity: affinity ?? true, ...more });
  const moves: AffinityEvent[] = [];
  service.on('affinity', (event) => moves.push(event));
  const others = (id: string) => endpoints(count).filter((each) => (each as { id: string }).id !== id);
  return { ...test, service, moves, others };
}

function call(service: Pick<Service, 'acquire'>, key: string, outcome: Outcome = Outcome.Success): string {
  const lease = service.acquire({ key });
  lease.done(outcome);
  return lease.endpoint.spec.id;
}

const keys = (count: number): string[] => Array.from({ length: count }, (_, i) => `session ${i}`);

describe('a hedge whose first pick is full', () => {
  it('leaves the session where it is', () => {
    const { service, moves } = sticky(true, { resilience: { limits: { maxInflightPerEndpoint: 1 } } });
    const home = call(service, 'ada');
    const away = ['e0', 'e1', 'e2', 'e3'].filter((id) => id !== home);
    const attempt = service.acquire({ key: 'ada' });
    // All others but one are full, so that most hedges meet a full one first.
    const held = away.slice(1).map((prefer) => service.acquire({ prefer }));
    const tried = [attempt.endpoint];
    for (let i = 0; i < 20; i++) {
      const hedge = service.acquire({ key: 'ada', tried, beside: true });
      expect(hedge.endpoint.spec.id).toBe(away[0]);
      hedge.done(Outcome.Success);
    }
    for (const lease of [attempt, ...held]) lease.done(Outcome.Success);
    expect(call(service, 'ada')).toBe(home);
    expect(moves).toEqual([]);
  });
});

describe('a new session with onUnavailable fail', () => {
  it('begins where there is room, whatever is full', () => {
    const { service, moves } = sticky(
      { onUnavailable: 'fail' },
      { resilience: { limits: { maxInflightPerEndpoint: 1 } } },
    );
    const held = [0, 1, 2].map(() => service.acquire());
    const [free] = service.endpoints.filter((endpoint) => endpoint.inflight === 0);
    for (const key of keys(20)) expect(call(service, key)).toBe(free!.spec.id);
    for (const lease of held) lease.done(Outcome.Success);
    for (const key of keys(20)) expect(call(service, key)).toBe(free!.spec.id);
    expect(moves).toEqual([]);
  });

  it('begins nowhere while all is full, and is free to begin anywhere after', () => {
    const { service } = sticky({ onUnavailable: 'fail' }, { resilience: { limits: { maxInflightPerEndpoint: 1 } } });
    const held = [0, 1, 2, 3].map(() => service.acquire());
    expect(() => call(service, 'ada')).toThrow(/try again in \d+ ms/);
    const freed = held[2]!;
    freed.done(Outcome.Success);
    expect(call(service, 'ada')).toBe(freed.endpoint.spec.id);
  });
});

describe('a session whose endpoint has its breaker open', () => {
  const resilience = { breakerPerEndpoint: { consecutiveFailures: 3, openMs: 1_000, jitterRatio: 0 } };

  it('moves to another endpoint, once, and stays there', () => {
    const { service, moves, clock } = sticky(true, { health: [], resilience });
    const home = call(service, 'ada');
    for (let i = 0; i < 3; i++) call(service, 'ada', Outcome.Failure);
    const next = call(service, 'ada');
    expect(next).not.toBe(home);
    for (let i = 0; i < 20; i++) {
      clock.advance(100);
      expect(call(service, 'ada')).toBe(next);
    }
    expect(moves).toMatchObject([{ from: home, to: next, reason: 'unavailable' }]);
  });

  it('is refused where it must not move, and comes back with the probe', () => {
    const { service, clock } = sticky({ onUnavailable: 'fail' }, { health: [], resilience });
    const home = call(service, 'ada');
    for (let i = 0; i < 3; i++) call(service, 'ada', Outcome.Failure);
    expect(() => call(service, 'ada')).toThrow(expect.objectContaining({ code: 'FAIRLEAD_AFFINITY_LOST' }));
    clock.advance(1_000);
    expect(call(service, 'ada')).toBe(home);
  });
});

describe('a session with a call in progress', () => {
  it('does not end, however long the call takes, and has its whole time after it', () => {
    const { service, clock } = sticky({ ttlMs: 10_000 });
    const stream = service.acquire({ key: 'ada' });
    const home = stream.endpoint.spec.id;
    for (let minute = 0; minute < 5; minute++) {
      clock.advance(60_000);
      const second = service.acquire({ key: 'ada' });
      expect(second.endpoint.spec.id).toBe(home);
      second.done(Outcome.Success);
    }
    clock.advance(60_000);
    stream.done(Outcome.Success);
    clock.advance(9_999);
    expect(call(service, 'ada')).toBe(home);
    clock.advance(10_001);
    const anew = keys(40).map((key) => call(service, key));
    expect(new Set(anew).size).toBe(4);
  });

  it('keeps no timer once all have ended, and none after the service closed', async () => {
    const { service, clock, mesh } = sticky({ ttlMs: 10_000 });
    const leases = keys(50).map((key) => service.acquire({ key }));
    expect(clock.pending).toBe(1);
    for (const lease of leases) lease.done(Outcome.Success);
    clock.advance(10_000);
    expect(clock.pending).toBe(0);
    service.acquire({ key: 'ada' });
    const closing = mesh.close({ deadlineMs: 0 });
    await clock.advanceAsync(0);
    await closing;
    expect(clock.pending).toBe(0);
  });
});

describe('an endpoint whose id comes back at another address', () => {
  const moved = (id: string) =>
    endpoints(4).map((each) => {
      const spec = each as { id: string; host: string; port: number };
      return spec.id === id ? { ...spec, port: 7_000 } : spec;
    });

  it('is another process: its sessions are told to have moved', () => {
    const { service, resolver, moves } = sticky(true);
    const home = call(service, 'ada');
    resolver.update('users', moved(home));
    const lease = service.acquire({ key: 'ada' });
    expect(lease.endpoint.spec).toMatchObject({ id: home, port: 7_000 });
    lease.done(Outcome.Success);
    expect(call(service, 'ada')).toBe(home);
    expect(moves).toMatchObject([{ from: home, to: home, reason: 'departed' }]);
  });

  it('keeps its old sessions at the old address for drainMs, and gets new ones at the new', () => {
    const { service, resolver, moves, clock } = sticky({ drainMs: 10_000 });
    const home = call(service, 'ada');
    const port = service.endpoints.find(({ spec }) => spec.id === home)!.spec.port;
    resolver.update('users', moved(home));
    for (let second = 0; second < 9; second++) {
      clock.advance(1_000);
      const lease = service.acquire({ key: 'ada' });
      expect(lease.endpoint.spec).toMatchObject({ id: home, port });
      lease.done(Outcome.Success);
    }
    const fresh = keys(40).map((key) => service.acquire({ key }));
    expect(fresh.filter(({ endpoint }) => endpoint.spec.port === 7_000).length).toBeGreaterThan(3);
    expect(fresh.filter(({ endpoint }) => endpoint.spec.port === port)).toEqual([]);
    expect(moves).toEqual([]);
    clock.advance(1_000);
    expect(service.acquire({ key: 'ada' }).endpoint.spec).toMatchObject({ id: home, port: 7_000 });
    expect(moves).toMatchObject([{ from: home, to: home, reason: 'departed' }]);
  });

  it('loses them to the new address with the first call that the old one fails', () => {
    const { service, resolver } = sticky({ drainMs: 10_000 });
    const home = call(service, 'ada');
    resolver.update('users', moved(home));
    expect(call(service, 'ada', Outcome.ConnectFailure)).toBe(home);
    expect(service.acquire({ key: 'ada' }).endpoint.spec).toMatchObject({ id: home, port: 7_000 });
  });

  it('keeps a session with onUnavailable fail, whose id it is', () => {
    const { service, resolver } = sticky({ onUnavailable: 'fail' });
    const home = call(service, 'ada');
    resolver.update('users', moved(home));
    expect(call(service, 'ada')).toBe(home);
  });
});

describe('two subsets of a service', () => {
  const even = (id: string): boolean => Number(id.slice(1)) % 2 === 0;
  const halves = (service: Service) => [
    service.subset({ usable: ({ spec }) => even(spec.id) }),
    service.subset({ usable: ({ spec }) => !even(spec.id) }),
  ];

  it('do not fight over a key: each keeps it with an endpoint of its own', () => {
    const { service, moves } = sticky(true);
    const [evens, odds] = halves(service);
    for (const key of keys(20)) {
      const first = [call(service, key), call(evens!, key), call(odds!, key)];
      for (let i = 0; i < 5; i++) {
        expect([call(service, key), call(evens!, key), call(odds!, key)]).toEqual(first);
      }
    }
    expect(moves).toEqual([]);
  });

  it('share the sessions of the service where they say so, as views of what is connected do', () => {
    const { service } = sticky(true);
    const one = service.subset({ usable: () => true, sessions: 'service' });
    const two = service.subset({ usable: () => true, sessions: 'service' });
    for (const key of keys(20))
      expect([call(one, key), call(two, key)]).toEqual([call(service, key), call(service, key)]);
  });

  it('share those of the same name', () => {
    const { service } = sticky(true);
    const [blue, green] = ['blue', 'blue'].map((sessions) => service.subset({ usable: () => true, sessions }));
    const own = service.subset({ usable: () => true });
    const homes = keys(40).map((key) => call(blue!, key));
    expect(keys(40).map((key) => call(green!, key))).toEqual(homes);
    expect(keys(40).map((key) => call(own, key))).not.toEqual(homes);
  });
});

describe('a session whose endpoint is gone for good', () => {
  it('can be unbound where it would be refused for ever', async () => {
    const { service, resolver, others } = sticky({ onUnavailable: 'fail' });
    const home = call(service, 'ada');
    resolver.update('users', others(home));
    for (let i = 0; i < 3; i++) {
      expect(() => call(service, 'ada')).toThrow(/FAIRLEAD|not available/);
    }
    let said = '';
    try {
      call(service, 'ada');
    } catch (error) {
      said = (error as FairleadError).message;
    }
    expect(said).toContain('unbind');
    await service.unbind('ada');
    const next = call(service, 'ada');
    expect(next).not.toBe(home);
    expect(call(service, 'ada')).toBe(next);
  });

  it('is unbound in a shared store too, and refused where the store cannot do that', async () => {
    const bindings = new Map<string, string>();
    const store = {
      load: async (key: string) => bindings.get(key),
      bind: async (key: string, id: string) => {
        if (!bindings.has(key)) bindings.set(key, id);
        return bindings.get(key)!;
      },
      unbind: async (key: string) => void bindings.delete(key),
    };
    const { service, clock } = sticky({ onUnavailable: 'fail', store });
    call(service, 'ada');
    await clock.advanceAsync(1);
    expect(bindings.size).toBe(1);
    await service.unbind('ada');
    expect(bindings.size).toBe(0);
    const { unbind: _, ...without } = store;
    const other = sticky({ store: without }).service;
    await expect(other.unbind('ada')).rejects.toThrow(/unbind/);
  });

  it('is nothing to a service without sessions', async () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    await mesh.service('users').unbind('ada');
  });
});
