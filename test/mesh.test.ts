import {
  createMesh,
  definePolicy,
  type FairleadError,
  Outcome,
  type Policy,
  type Resolver,
  type ResolverSink,
  staticResolver,
} from 'fairlead';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { awaitedTimers, endpoints, testMesh } from './support/mesh.js';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (thrown) {
    return (thrown as FairleadError).code;
  }
  return 'nothing thrown';
};

describe('mesh', () => {
  it('gives the same service for the same name', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    expect(mesh.service('users')).toBe(mesh.service('users'));
    expect([...mesh.services.keys()]).toEqual(['users']);
  });

  it('refuses options for a service that exists, because it cannot have two sets of them', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    mesh.service('users', { policy: 'random' });
    expect(codeOf(() => mesh.service('users', { policy: 'round_robin' }))).toBe('FAIRLEAD_CONFLICT');
  });

  it('takes a service that is asked for without options from `services`, else from `defaults`', () => {
    const { mesh } = testMesh(
      { a: endpoints(2), b: endpoints(2) },
      { services: { a: { policy: 'peak_ewma' } }, defaults: { policy: 'round_robin' } },
    );
    const a = mesh.service('a').acquire();
    a.done(Outcome.Success);
    expect(a.endpoint.latencyMs).toBe(0);
    const b = mesh.service('b').acquire();
    b.done(Outcome.Success);
    expect(b.endpoint.latencyMs).toBeNaN();
  });

  it('does not take a name like __proto__ from the objects it was given', () => {
    const { mesh } = testMesh({}, { services: {} });
    expect(mesh.service('__proto__').endpoints).toEqual([]);
    expect(mesh.service('constructor').endpoints).toEqual([]);
  });

  it('knows policies of its users by name, and refuses a name that is taken', () => {
    const first: Policy = {
      name: 'first',
      needsLatency: false,
      create: () => {
        let ready: readonly never[] = [];
        return { update: (rotation) => (ready = rotation.ready as never), pick: () => ready[0]! };
      },
    };
    const { mesh } = testMesh({ s: endpoints(3) }, { policies: [definePolicy('first', () => first)] });
    const service = mesh.service('s', { policy: 'first' });
    expect(service.acquire().endpoint.spec.id).toBe('e0');
    expect(codeOf(() => mesh.policies.define(definePolicy('random', () => first)))).toBe('FAIRLEAD_CONFLICT');
  });

  it('survives a policy of its users that throws, and says so', () => {
    const broken: Policy = {
      name: 'broken',
      needsLatency: false,
      create: () => {
        let ready: readonly never[] = [];
        return {
          update: (rotation) => {
            ready = rotation.ready as never;
            if (ready.length === 2) throw new Error('two is too many');
          },
          pick: () => ready[0]!,
          observe: () => {
            throw new Error('seen enough');
          },
        };
      },
    };
    const { mesh, resolver } = testMesh({ s: endpoints(1) });
    const service = mesh.service('s', { policy: broken });
    const sane = service.subset({ usable: () => true, policy: 'round_robin' });
    const errors: string[] = [];
    service.on('error', (error) => errors.push(error.message));
    service.acquire().done(Outcome.Success);
    expect(service.endpoints[0]!.inflight).toBe(0);
    resolver.update('s', endpoints(2));
    expect(sane.rotation).toHaveLength(2);
    expect(errors).toEqual(['seen enough', 'two is too many']);
  });

  it('makes the same policy from its name, from { name: options } and from its factory, and refuses bad options of each', () => {
    const refused: [unknown, RegExp][] = [
      [{ peak_ewma: { decayMs: -1 } }, /peak_ewma\.decayMs is -1: allowed is a number from 1 to 3600000/],
      [{ peak_ewma: { decay: 5 } }, /peak_ewma\.decay is not an option: there are decayMs, choices/],
      [{ random: {}, round_robin: {} }, /is an object: allowed is a policy, its name, or/],
      [42, /is 42: allowed is a policy/],
    ];
    for (const [policy, message] of refused) {
      const { mesh } = testMesh({ s: endpoints(1) });
      expect(() => mesh.service('s', { policy: policy as never })).toThrow(message);
    }
    for (const policy of ['peak_ewma', { peak_ewma: { decayMs: 5_000 } }] as const) {
      expect(
        testMesh({ s: endpoints(1) })
          .mesh.service('s', { policy })
          .acquire().endpoint.spec.id,
      ).toBe('e0');
    }
  });

  it('refuses wrong options for its services when it is made, not when they are first used', () => {
    const refused: [object, RegExp][] = [
      [
        { services: { users: { polcy: 'random' } } },
        /createMesh\.services 'users'\.polcy is not an option: there are policy/,
      ],
      [
        { services: { users: { policy: 'randm' } } },
        /createMesh\.services 'users'\.policy is "randm": allowed is one of/,
      ],
      [{ services: [] }, /createMesh\.services is an array: allowed is an object of options/],
      [
        { defaults: { panicThreshold: 2 } },
        /createMesh\.defaults\.panicThreshold is 2: allowed is a number from 0 to 1/,
      ],
      [{ defaults: 'random' }, /createMesh\.defaults is "random": allowed is an object/],
      [{ policies: [() => undefined] }, /createMesh\.policies is an array: allowed is an array of what definePolicy/],
      [{ clock: Date }, /createMesh\.clock is a function: allowed is a clock/],
      [{ random: Math.random }, /createMesh\.random is a function: allowed is a source of random numbers/],
      [{ resolver: null }, /createMesh\.resolver is null: allowed is a resolver/],
    ];
    for (const [options, message] of refused) {
      expect(() => createMesh(options)).toThrow(message);
      expect(codeOf(() => createMesh(options))).toBe('FAIRLEAD_INVALID_OPTION');
    }
  });

  it('does not take an option that is undefined for one that is given', () => {
    const { mesh } = testMesh({ a: endpoints(2) }, { defaults: { policy: 'peak_ewma' } });
    const lease = mesh.service('a', { policy: undefined } as never).acquire();
    lease.done(Outcome.Success);
    expect(lease.endpoint.latencyMs).toBe(0);
  });

  it('asks the resolver whether the parameters are right before it watches', () => {
    const resolver: Resolver = {
      name: 'picky',
      check: (query) => {
        if (query.params.zone === undefined) throw new Error('zone is missing');
      },
      watch: (_query, sink) => sink.snapshot([], '1'),
    };
    const mesh = createMesh({ resolver });
    expect(() => mesh.service('s')).toThrow('zone is missing');
    expect(mesh.service('s', { discovery: { zone: 'a' } }).endpoints).toEqual([]);
  });
});

describe('closing', () => {
  it('refuses new calls and waits for those in progress', async () => {
    const { mesh } = testMesh({ s: endpoints(2) });
    const service = mesh.service('s');
    const lease = service.acquire();
    let closed = false;
    const closing = mesh.close().then(() => {
      closed = true;
    });
    expect(codeOf(() => service.acquire())).toBe('FAIRLEAD_CLOSED');
    expect(codeOf(() => mesh.service('other'))).toBe('FAIRLEAD_CLOSED');
    await Promise.resolve();
    expect(closed).toBe(false);
    lease.done(Outcome.Success);
    await closing;
    expect(closed).toBe(true);
  });

  it('gives up waiting at the deadline, leaves no timer behind, and is idempotent', async () => {
    const { mesh, clock } = testMesh({ s: endpoints(2) });
    mesh.service('s').acquire();
    const closing = mesh.close({ deadlineMs: 500 });
    await clock.advanceAsync(500);
    await closing;
    await mesh.close();
    expect(clock.pending).toBe(0);
  });

  it('stops the resolver and hears nothing of it afterwards', async () => {
    let sink: ResolverSink | undefined;
    let signal: AbortSignal | undefined;
    const resolver: Resolver = {
      name: 'scripted',
      watch: (_query, theSink, theSignal) => {
        sink = theSink;
        signal = theSignal;
      },
    };
    const mesh = createMesh({ resolver, clock: new ManualClock(), random: seededRandom(1) });
    const service = mesh.service('s');
    await mesh.close();
    expect(signal?.aborted).toBe(true);
    sink?.snapshot([{ id: 'a', host: 'h', port: 1, weight: 1, priority: 0, zone: '', tags: [], meta: {} }], '1');
    expect(service.endpoints).toEqual([]);
  });
});

describe('the age of discovery data', () => {
  it('grows from the last confirmation, and says why', () => {
    let sink: ResolverSink | undefined;
    const clock = new ManualClock();
    const mesh = createMesh({
      resolver: {
        name: 'x',
        watch: (_q, s) => {
          sink = s;
        },
      },
      clock,
    });
    const service = mesh.service('s');
    expect(service.discovery).toEqual({ ageMs: Number.POSITIVE_INFINITY, version: '', error: undefined });
    sink?.snapshot([], '7');
    clock.advance(100);
    expect(service.discovery).toEqual({ ageMs: 100, version: '7', error: undefined });
    const down = new Error('agent is down');
    sink?.error(down);
    expect(service.discovery.error).toBe(down);
    expect(() => service.acquire()).toThrow(/agent is down/);
    sink?.snapshot([], '7');
    expect(service.discovery).toEqual({ ageMs: 0, version: '7', error: undefined });
  });
});

describe('subset', () => {
  it('picks among its own endpoints with the same counters, and follows refresh', () => {
    const { mesh } = testMesh({ s: endpoints(4) });
    const service = mesh.service('s', { policy: 'round_robin' });
    const usable = new Set(['e1', 'e2']);
    const subset = service.subset({ usable: (endpoint) => usable.has(endpoint.spec.id) });
    const seen = new Set(Array.from({ length: 10 }, () => subset.acquire().endpoint));
    expect([...seen].map((endpoint) => endpoint.spec.id).sort()).toEqual(['e1', 'e2']);
    expect(service.endpoints.find((endpoint) => endpoint.spec.id === 'e1')?.inflight).toBe(5);
    usable.delete('e1');
    subset.refresh();
    expect(subset.rotation.map((endpoint) => endpoint.spec.id)).toEqual(['e2']);
    usable.clear();
    subset.refresh();
    expect(() => subset.acquire()).toThrow(/none of its 4 endpoints may be used by this subset/);
    subset.close();
    expect(codeOf(() => subset.acquire())).toBe('FAIRLEAD_CLOSED');
  });

  it('sees ejections of the service, and its outcomes eject there', () => {
    const { mesh } = testMesh({ s: endpoints(3) });
    const service = mesh.service('s');
    const subset = service.subset({ usable: (endpoint) => endpoint.spec.id !== 'e2', policy: 'round_robin' });
    for (let i = 0; i < 10; i++) {
      const lease = subset.acquire();
      lease.done(lease.endpoint.spec.id === 'e0' ? Outcome.Failure : Outcome.Success);
    }
    expect(service.rotation.map((endpoint) => endpoint.spec.id)).toEqual(['e1', 'e2']);
    expect(subset.rotation.map((endpoint) => endpoint.spec.id)).toEqual(['e1']);
  });

  it('refuses a policy that would measure latency with another decay than the service', () => {
    const { mesh } = testMesh({ s: endpoints(3) });
    const service = mesh.service('s', { policy: { peak_ewma: { decayMs: 1_000 } } });
    expect(codeOf(() => service.subset({ usable: () => true, policy: 'peak_ewma' }))).toBe('FAIRLEAD_CONFLICT');
  });

  it('takes a usable function that throws for a no', () => {
    const { mesh } = testMesh({ s: endpoints(2) });
    const subset = mesh.service('s').subset({
      usable: (endpoint) => {
        if (endpoint.spec.id === 'e0') throw new Error('bug');
        return true;
      },
    });
    expect(subset.rotation.map((endpoint) => endpoint.spec.id)).toEqual(['e1']);
  });
});

describe('ready', () => {
  it('resolves with the first endpoint, and rejects when the signal aborts or the service closes', async () => {
    const resolver = staticResolver();
    const mesh = createMesh({ resolver, clock: new ManualClock() });
    const service = mesh.service('s');
    const abort = new AbortController();
    const aborted = service.ready(abort.signal);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    const ready = service.ready();
    resolver.update('s', ['h:1']);
    await ready;
    const other = mesh.service('t').ready();
    const refused = expect(other).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    await mesh.close();
    await refused;
  });

  it('keeps the process alive while it is pending, for days, and no longer', async () => {
    const resolver = staticResolver();
    const clock = new ManualClock();
    const held = awaitedTimers(clock);
    await using mesh = createMesh({ resolver, clock });
    const service = mesh.service('s');
    const abort = new AbortController();
    const aborted = service.ready(abort.signal);
    const ready = service.ready();
    expect(held()).toBe(2);
    clock.advance(200_000_000);
    expect(held()).toBe(2);
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(held()).toBe(1);
    resolver.update('s', ['h:1']);
    await ready;
    expect(held()).toBe(0);
    const refused = expect(mesh.service('t').ready()).rejects.toMatchObject({ code: 'FAIRLEAD_CLOSED' });
    expect(held()).toBe(1);
    await mesh.close();
    await refused;
    expect(held()).toBe(0);
  });
});
