import {
  type AffinityEvent,
  type AffinityOptions,
  customCheck,
  FairleadError,
  Outcome,
  type Service,
  sessionHash,
} from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function sticky(affinity: AffinityOptions | true = true, count = 4) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'random', affinity });
  const events: AffinityEvent[] = [];
  service.on('affinity', (event) => events.push(event));
  return { ...test, service, events };
}

function call(service: Service, key: string, outcome: Outcome = Outcome.Success): string {
  const lease = service.acquire({ key });
  lease.done(outcome);
  return lease.endpoint.spec.id;
}

/** Fails calls of a session until its endpoint is out. */
function eject(service: Service, key: string): string {
  let id = '';
  for (let i = 0; i < 5; i++) id = call(service, key, Outcome.Failure);
  return id;
}

const listWithout = (id: string, count = 4) => endpoints(count).filter((each) => (each as { id: string }).id !== id);

describe('affinity', () => {
  it('keeps each key with its endpoint', () => {
    const { service } = sticky();
    for (const key of ['ada', 'bob', 'eve', '__proto__', '']) {
      const first = call(service, key);
      for (let i = 0; i < 20; i++) expect(call(service, key)).toBe(first);
    }
  });

  it('moves a session whose endpoint is out, says so once, and does not move it back', () => {
    const { service, clock, events } = sticky();
    const before = eject(service, 'ada');
    const after = call(service, 'ada');
    expect(after).not.toBe(before);
    expect(events).toEqual([{ key: sessionHash('ada'), from: before, to: after, reason: 'unavailable' }]);
    clock.advance(40_000);
    for (let i = 0; i < 10; i++) expect(call(service, 'ada')).toBe(after);
    expect(events).toHaveLength(1);
  });

  it('with fail refuses the call and keeps the binding for when the endpoint is back', () => {
    const { service, clock, events } = sticky({ onUnavailable: 'fail' });
    const id = eject(service, 'ada');
    try {
      call(service, 'ada');
      expect.unreachable();
    } catch (error) {
      expect((error as FairleadError).code).toBe('FAIRLEAD_AFFINITY_LOST');
      expect((error as FairleadError).endpoint).toBe(id);
    }
    expect(events).toEqual([{ key: sessionHash('ada'), from: id, to: undefined, reason: 'unavailable' }]);
    clock.advance(40_000);
    expect(call(service, 'ada')).toBe(id);
    expect(service.rotation).toHaveLength(4);
  });

  it('avoids what the call tried, and stays with the other', () => {
    const { service, events } = sticky();
    const first = service.acquire({ key: 'ada' }).endpoint;
    const second = service.acquire({ key: 'ada', tried: [first] }).endpoint;
    expect(second).not.toBe(first);
    expect(service.acquire({ key: 'ada' }).endpoint).toBe(second);
    expect(events[0]!.reason).toBe('tried');
  });

  it('moves sessions at once when their endpoint leaves discovery', () => {
    const { service, resolver, events } = sticky();
    const before = call(service, 'ada');
    resolver.update('users', listWithout(before));
    expect(call(service, 'ada')).not.toBe(before);
    expect(events[0]!.reason).toBe('departed');
  });
});

describe('a session whose endpoint is at its limit', () => {
  const limited = (onUnavailable: 'move' | 'fail') => {
    const { mesh } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', {
      affinity: { onUnavailable },
      resilience: { limits: { maxInflightPerEndpoint: 1 } },
    });
    const moves: AffinityEvent[] = [];
    service.on('affinity', (event) => moves.push(event));
    return { service, moves };
  };

  it('is served elsewhere meanwhile, and has not left it', () => {
    const { service, moves } = limited('move');
    const home = call(service, 'ada');
    const held = service.acquire({ key: 'ada' });
    expect(held.endpoint.spec.id).toBe(home);
    for (let i = 0; i < 5; i++) expect(call(service, 'ada')).not.toBe(home);
    held.done(Outcome.Success);
    expect(call(service, 'ada')).toBe(home);
    expect(moves).toEqual([]);
  });

  it('is refused where it must not be served elsewhere, and told that it may come again', () => {
    const { service, moves } = limited('fail');
    const home = call(service, 'ada');
    const held = service.acquire({ key: 'ada' });
    expect(() => service.acquire({ key: 'ada' })).toThrow(/try again in \d+ ms/);
    held.done(Outcome.Success);
    expect(call(service, 'ada')).toBe(home);
    expect(moves).toEqual([]);
  });

  it('begins where there is room', () => {
    const { service } = limited('move');
    const held = [0, 1, 2].map(() => service.acquire());
    const [free] = service.endpoints.filter((endpoint) => endpoint.inflight === 0);
    for (const key of ['ada', 'bob', 'eve']) {
      expect(call(service, key)).toBe(free!.spec.id);
    }
    for (const lease of held) lease.done(Outcome.Success);
    for (const key of ['ada', 'bob', 'eve']) expect(call(service, key)).toBe(free!.spec.id);
  });
});

describe('a hedged call of a session', () => {
  const hedged = (onUnavailable: 'move' | 'fail') => {
    const test = testMesh({ users: endpoints(4) });
    const service = test.mesh.service('users', {
      affinity: { onUnavailable },
      resilience: { idempotent: true, hedge: { afterMs: 50 } },
    });
    const moves: AffinityEvent[] = [];
    service.on('affinity', (event) => moves.push(event));
    const home = call(service, 'ada');
    /** Its own endpoint takes so long, any other 10 ms. */
    const answer = (homeMs: number): Promise<string> =>
      service.call(
        ({ spec }) =>
          new Promise((resolve) => test.clock.after(spec.id === home ? homeMs : 10, () => resolve(spec.id))),
        { key: 'ada' },
      );
    return { ...test, service, moves, home, answer };
  };

  it.each([55, 500])('stays with its endpoint, which answers after %d ms, whoever was first', async (homeMs) => {
    const { service, clock, moves, home, answer } = hedged('move');
    const answering = answer(homeMs);
    await clock.advanceAsync(1_000);
    expect((await answering) === home).toBe(homeMs < 60);
    expect(service.callStats.hedges).toBe(1);
    expect(call(service, 'ada')).toBe(home);
    expect(moves).toEqual([]);
  });

  it('is not hedged where sessions must not be served elsewhere', async () => {
    const { service, clock, moves, home, answer } = hedged('fail');
    const answering = answer(500);
    await clock.advanceAsync(1_000);
    expect(await answering).toBe(home);
    expect(service.callStats.hedges).toBe(0);
    expect(moves).toEqual([]);
  });
});

describe("a store of one's own", () => {
  it('that throws costs no call its endpoint, and is told of', async () => {
    const broken = (): never => {
      throw new Error('the disk is full');
    };
    const store = { get: broken, set: broken, delete: broken, size: 0, clear: broken };
    const { mesh } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { affinity: { store } });
    const errors: string[] = [];
    service.on('error', ({ message }) => errors.push(message));
    call(service, 'ada');
    expect(errors).toEqual(['the disk is full', 'the disk is full']);
    await mesh.close();
    expect(errors).toHaveLength(3);
  });

  it('that gives something else than an id has no session', () => {
    const store = {
      get: () => Promise.resolve('e1') as never,
      set: () => {},
      delete: () => {},
      size: 0,
      clear: () => {},
    };
    const { mesh } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { affinity: { store, onUnavailable: 'fail' } });
    expect(call(service, 'ada')).toMatch(/^e\d$/);
  });
});

describe('drainMs', () => {
  it('lets sessions stay with an endpoint that left discovery until it is over, and sends it no new ones', () => {
    const { service, resolver, clock } = sticky({ drainMs: 10_000 });
    const before = call(service, 'ada');
    resolver.update('users', listWithout(before));
    for (let i = 0; i < 20; i++) expect(call(service, `new-${i}`)).not.toBe(before);
    clock.advance(9_999);
    expect(call(service, 'ada')).toBe(before);
    clock.advance(1);
    expect(call(service, 'ada')).not.toBe(before);
  });

  it('keeps no session longer than its TTL', () => {
    const { service, resolver, clock, events } = sticky({ drainMs: 60_000, ttlMs: 5_000 });
    const before = call(service, 'ada');
    resolver.update('users', listWithout(before));
    clock.advance(4_000);
    expect(call(service, 'ada')).toBe(before);
    clock.advance(5_001);
    expect(call(service, 'ada')).not.toBe(before);
    // It did not leave its endpoint: it had ended.
    expect(events).toEqual([]);
  });

  it('is not for an endpoint that was ejected before it left', () => {
    const { service, resolver, events } = sticky({ drainMs: 10_000 });
    const before = eject(service, 'ada');
    resolver.update('users', listWithout(before));
    expect(call(service, 'ada')).not.toBe(before);
    expect(events[0]!.reason).toBe('departed');
  });

  it('nor for one that failed its checks', async () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(4) });
    let sick = -1;
    const check = customCheck({
      intervalMs: 1_000,
      unhealthyThreshold: 1,
      ask: async ({ port }) => {
        if (port === sick) throw new Error('sick');
      },
    });
    const service = mesh.service('users', { affinity: { drainMs: 10_000 }, checks: [check] });
    const { endpoint } = service.acquire({ key: 'ada' });
    sick = endpoint.spec.port;
    await clock.advanceAsync(3_000);
    expect(endpoint.state).toBe('unhealthy');
    resolver.update('users', listWithout(endpoint.spec.id));
    expect(service.acquire({ key: 'ada' }).endpoint).not.toBe(endpoint);
  });

  it('ends with the first call that the endpoint fails', () => {
    const { service, resolver } = sticky({ drainMs: 10_000 });
    const before = call(service, 'ada');
    resolver.update('users', listWithout(before));
    expect(call(service, 'ada', Outcome.ConnectFailure)).toBe(before);
    expect(call(service, 'ada')).not.toBe(before);
  });

  it('is over when the endpoint comes back as another process', () => {
    const { service, resolver } = sticky({ drainMs: 10_000 });
    const before = call(service, 'ada');
    resolver.update('users', listWithout(before));
    const again = endpoints(4).map((each) => ({
      ...(each as { id: string; host: string }),
      port: 7_000 + Number((each as { id: string }).id.slice(1)),
    }));
    resolver.update('users', again);
    const lease = service.acquire({ key: 'ada' });
    expect(lease.endpoint.spec.id).toBe(before);
    expect(lease.endpoint.spec.port).toBeGreaterThanOrEqual(7_000);
  });

  it('closes only when calls on draining endpoints are done', async () => {
    const { service, resolver, clock } = sticky({ drainMs: 10_000 });
    const before = call(service, 'ada');
    resolver.update('users', listWithout(before));
    const lease = service.acquire({ key: 'ada' });
    let closed = false;
    const closing = service.close().then(() => {
      closed = true;
    });
    await clock.advanceAsync(100);
    expect(closed).toBe(false);
    lease.done(Outcome.Success);
    await closing;
  });
});

describe('prefer', () => {
  it('sends a call to the endpoint it names, with and without affinity', () => {
    const plain = testMesh({ users: endpoints(4) }).mesh.service('users');
    for (const service of [sticky().service, plain]) {
      for (const id of ['e0', 'e1', 'e2', 'e3']) expect(service.acquire({ prefer: id }).endpoint.spec.id).toBe(id);
    }
  });

  it('is ignored where nobody has that id, and where the endpoint was tried or is out', () => {
    const { service } = sticky();
    expect(service.acquire({ prefer: 'e9' }).endpoint).toBeDefined();
    const e1 = service.endpoints[1]!;
    expect(service.acquire({ prefer: 'e1', tried: [e1] }).endpoint).not.toBe(e1);
    for (let i = 0; i < 5; i++) service.acquire({ prefer: 'e1' }).done(Outcome.Failure);
    expect(e1.state).toBe('ejected');
    expect(service.acquire({ prefer: 'e1' }).endpoint).not.toBe(e1);
  });

  it('fails with onUnavailable fail where the endpoint is there but out', () => {
    const { service } = sticky({ onUnavailable: 'fail' });
    for (let i = 0; i < 5; i++) service.acquire({ prefer: 'e1' }).done(Outcome.Failure);
    expect(() => service.acquire({ prefer: 'e1' })).toThrow(FairleadError);
  });

  it('reaches an endpoint of a priority that gets no other calls', () => {
    const { mesh } = testMesh({ users: [...endpoints(2), { id: 'spare', host: '127.0.0.1', port: 9, priority: 1 }] });
    const service = mesh.service('users');
    expect(service.rotation.map(({ spec }) => spec.id)).toEqual(['e0', 'e1']);
    expect(service.acquire({ prefer: 'spare' }).endpoint.spec.id).toBe('spare');
  });

  it('may be the call that probes', () => {
    const { service, clock } = sticky();
    for (let i = 0; i < 5; i++) service.acquire({ prefer: 'e1' }).done(Outcome.Failure);
    clock.advance(40_000);
    expect(service.endpoints[1]!.state).toBe('probing');
    const probe = service.acquire({ prefer: 'e1' });
    expect(probe.endpoint.spec.id).toBe('e1');
    expect(service.acquire({ prefer: 'e1' }).endpoint.spec.id).not.toBe('e1');
    probe.done(Outcome.Success);
    expect(service.endpoints[1]!.state).toBe('ready');
  });
});
