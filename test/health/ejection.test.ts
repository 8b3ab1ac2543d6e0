import {
  connectFailures,
  consecutiveFailures,
  type Endpoint,
  type HealthSignal,
  type Lease,
  Outcome,
  type PolicyName,
} from 'fairlead';
import type { ManualClock } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drive, ejections, ids } from '../support/drive.js';
import { endpoints, testMesh } from '../support/mesh.js';

const PROBING_FROM_MS = 33_000;

/** Ejects e1 of a service and lets its time pass, so that the next call probes it. */
function probing(count = 3, more: Parameters<ReturnType<typeof testMesh>['mesh']['service']>[1] = {}) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin', ...more });
  drive(service, 5 * count, (id) => (id === 'e1' ? Outcome.Failure : Outcome.Success));
  test.clock.advance(PROBING_FROM_MS);
  const e1 = service.endpoints[1]!;
  expect(e1.state).toBe('probing');
  return { ...test, service, e1 };
}

describe('ejection', () => {
  it.each([
    [1, 0.5, 1],
    [2, 0.5, 1],
    [3, 0.5, 1],
    [4, 0.5, 2],
    [10, 0.1, 1],
    [10, 0.39, 3],
    [10, 0, 1],
    [10, 1, 10],
  ])('of %d endpoints with a ratio of %d lets %d go', (count, maxEjectionRatio, allowed) => {
    const { mesh } = testMesh({ users: endpoints(count) });
    const service = mesh.service('users', { policy: 'round_robin', maxEjectionRatio, panicThreshold: 0 });
    drive(service, 200, () => Outcome.Failure);
    expect(service.endpoints.filter(({ state }) => state === 'ejected')).toHaveLength(allowed);
  });

  it('tells of a verdict that the cap refused, once a second at most', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin' });
    const seen = ejections(service);
    drive(service, 100, () => Outcome.Failure);
    expect(seen.map(({ enforced, refusedBy }) => [enforced, refusedBy])).toEqual([
      [true, undefined],
      [false, 'cap'],
    ]);
    clock.advance(1_000);
    drive(service, 10, () => Outcome.Failure);
    expect(seen).toHaveLength(3);
  });

  it('reports a signal that throws and goes on', () => {
    const broken: HealthSignal = {
      name: 'broken',
      create: () => ({
        record: () => {
          throw new Error('bug in a signal');
        },
        probed: () => 0,
        confirmed: () => {
          throw new Error('another');
        },
        forget: () => {},
      }),
    };
    const { mesh } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { health: [broken] });
    const errors: string[] = [];
    service.on('error', ({ message }) => errors.push(message));
    drive(service, 2);
    expect(errors).toEqual(['bug in a signal', 'bug in a signal']);
  });
});

describe('a returning endpoint', () => {
  it('is probed by the next call when the probe was cancelled', () => {
    const { service, e1 } = probing();
    service.acquire()[Symbol.dispose]();
    expect(e1.state).toBe('probing');
    const again = service.acquire();
    expect(again.endpoint).toBe(e1);
    again.done(Outcome.Success);
    expect(e1.state).toBe('ready');
  });

  it('is probed by another call when the probe goes on for longer than 30 s', () => {
    const { service, clock, e1 } = probing();
    const stream = service.acquire();
    expect(stream.endpoint).toBe(e1);
    expect(service.acquire().endpoint).not.toBe(e1);
    clock.advance(30_000);
    const second = service.acquire();
    expect(second.endpoint).toBe(e1);
    stream.done(Outcome.Failure);
    expect(e1.state).toBe('probing');
    second.done(Outcome.Success);
    expect(e1.state).toBe('ready');
    expect(clock.pending).toBe(0);
  });

  it('may depart and return while it is being probed', () => {
    const { service, resolver, clock, e1 } = probing();
    const probe = service.acquire();
    resolver.update('users', endpoints(1));
    expect(e1.state).toBe('draining');
    resolver.update('users', endpoints(3));
    expect(service.endpoints[1]).toBe(e1);
    // Its absence did not show that it is well: a probing call of its own decides.
    expect(e1.state).toBe('probing');
    probe.done(Outcome.Failure);
    expect(e1.state).toBe('probing');
    expect(e1.inflight).toBe(0);
    drive(service, 15, (id) => (id === 'e1' ? Outcome.Failure : Outcome.Success));
    expect(e1.state).toBe('ejected');
    expect(clock.pending).toBe(1);
  });

  it('makes room for another ejection when it departs', () => {
    const { service, resolver } = probing();
    resolver.update('users', endpoints(1));
    const seen = ejections(service);
    drive(service, 5, () => Outcome.Failure);
    expect(ids(seen)).toEqual(['e0']);
    expect(seen[0]!.enforced).toBe(true);
  });

  it('is probed once, by whichever view comes first', () => {
    const { service, e1 } = probing();
    const subset = service.subset({ usable: () => true, policy: 'random' });
    const probe = subset.acquire();
    expect(probe.endpoint).toBe(e1);
    for (let i = 0; i < 10; i++) expect(service.acquire().endpoint).not.toBe(e1);
    probe.done(Outcome.Success);
    expect(e1.state).toBe('ready');
    expect(subset.rotation).toHaveLength(3);
  });

  it('is not probed by a subset that excludes it, and loses nothing by that', () => {
    const { service, e1 } = probing();
    const subset = service.subset({ usable: (endpoint) => endpoint !== e1 });
    for (let i = 0; i < 10; i++) {
      const lease = subset.acquire();
      expect(lease.endpoint).not.toBe(e1);
      lease.done(Outcome.Success);
    }
    service.acquire().done(Outcome.Success);
    expect(e1.state).toBe('ready');
  });

  it('is not probed by a call that tried it before', () => {
    const { service, e1 } = probing();
    expect(service.acquire({ tried: [e1] }).endpoint).not.toBe(e1);
    expect(service.acquire().endpoint).toBe(e1);
  });

  it('goes out for longer when the probe fails', () => {
    const { service, clock, e1 } = probing();
    const seen = ejections(service);
    service.acquire().done(Outcome.Failure);
    expect(e1.state).toBe('ejected');
    expect(seen[0]!.forMs).toBeGreaterThanOrEqual(60_000);
    expect(seen[0]!.evidence).toEqual({ probes: 1 });
    clock.advance(59_000);
    expect(e1.state).toBe('ejected');
    clock.advance(8_000);
    expect(e1.state).toBe('probing');
  });

  it('is used by all when it is the only one', () => {
    const test = testMesh({ users: endpoints(1) });
    const service = test.mesh.service('users');
    drive(service, 5, () => Outcome.Failure);
    expect(service.endpoints[0]!.state).toBe('ejected');
    expect(service.acquire().endpoint.spec.id).toBe('e0');
    test.clock.advance(PROBING_FROM_MS);
    const [first, second] = [service.acquire(), service.acquire()];
    second.done(Outcome.Success);
    first.done(Outcome.Success);
    expect(service.endpoints[0]!.state).toBe('ready');
  });
});

/** What the state machine does and what it expects. */
class Machine {
  readonly test: ReturnType<typeof testMesh>;
  readonly service: ReturnType<ReturnType<typeof testMesh>['mesh']['service']>;
  readonly leases: Lease[] = [];
  readonly maxRatio: number;
  readonly subset: ReturnType<Machine['service']['subset']>;
  readonly inflight = new Map<Endpoint, number>();
  listed: number;

  constructor(count: number, seed: number, policy: PolicyName, maxRatio: number) {
    this.maxRatio = maxRatio;
    this.listed = count;
    this.test = testMesh({ users: endpoints(count) }, { seed });
    // Touchy signals, so that a short history holds many ejections.
    const health = [consecutiveFailures({ failures: 2 }), connectFailures({ failures: 1 })];
    this.service = this.test.mesh.service('users', { policy, health, maxEjectionRatio: maxRatio, panicThreshold: 0 });
    this.subset = this.service.subset({ usable: ({ spec }) => Number(spec.id.slice(1)) % 2 === 0 });
  }

  get clock(): ManualClock {
    return this.test.clock;
  }

  begin(view: 'service' | 'subset', key: string): void {
    if (this.listed === 0) return;
    const lease = this[view].acquire({ key: key === '' ? undefined : key });
    this.inflight.set(lease.endpoint, (this.inflight.get(lease.endpoint) ?? 0) + 1);
    this.leases.push(lease);
    expect(this.service.endpoints).toContain(lease.endpoint);
  }

  end(which: number, outcome: Outcome): void {
    if (this.leases.length === 0) return;
    const [lease] = this.leases.splice(which % this.leases.length, 1) as [Lease];
    const outBefore = this.out();
    lease.done(outcome);
    this.inflight.set(lease.endpoint, this.inflight.get(lease.endpoint)! - 1);
    // Only an ejection that the cap allowed can have raised the number of those out.
    const allowed = Math.max(1, Math.floor(this.listed * this.maxRatio));
    expect(this.out()).toBeLessThanOrEqual(Math.max(outBefore, allowed));
  }

  out(): number {
    return this.service.endpoints.filter(({ state }) => state === 'ejected' || state === 'probing').length;
  }

  check(): void {
    for (const [endpoint, count] of this.inflight) expect(endpoint.inflight).toBe(count);
    if (this.listed > 0) expect(this.service.rotation.length).toBeGreaterThan(0);
    for (const endpoint of this.service.rotation) expect(this.service.endpoints).toContain(endpoint);
    // Every ejection has exactly one timer; an endpoint in service has none.
    const probes = this.service.endpoints.filter((endpoint) => Reflect.get(endpoint, 'probe') !== undefined).length;
    const ejected = this.service.endpoints.filter(({ state }) => state === 'ejected').length;
    expect(this.clock.pending).toBe(ejected + probes);
  }

  /** When everybody is well again, everybody returns. */
  recover(): void {
    while (this.leases.length > 0) this.end(0, Outcome.Success);
    for (let round = 0; round < 20 && this.out() > 0; round++) {
      this.clock.advance(400_000);
      for (let i = 0; i < 400 && this.listed > 0; i++) {
        // Without a key, and with many: a policy that goes by key probes by the key's own calls.
        this.service.acquire().done(Outcome.Success);
        this.service.acquire({ key: `recover-${i}` }).done(Outcome.Success);
      }
    }
    expect(this.out()).toBe(0);
    expect(this.service.rotation).toHaveLength(this.listed);
    expect(this.clock.pending).toBe(0);
  }
}

const outcomes = fc.constantFrom(
  Outcome.Success,
  Outcome.Failure,
  Outcome.Failure,
  Outcome.Failure,
  Outcome.ConnectFailure,
  Outcome.Timeout,
  Outcome.Cancelled,
  Outcome.Overloaded,
);

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constant('call' as const),
        outcome: outcomes,
        times: fc.integer({ min: 1, max: 12 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('begin' as const),
        subset: fc.boolean(),
        key: fc.constantFrom('', 'a', 'b'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(50), outcome: outcomes }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.constantFrom(1, 5_000, 31_000, 100_000) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('list' as const), count: fc.integer({ min: 0, max: 6 }) }) },
  ),
  { maxLength: 60 },
);

describe('whatever arrives, departs, fails and passes', () => {
  it.each(['round_robin', 'least_request', 'consistent_hash'] as const)(
    'under %s no more than the share is out, counters agree and everybody returns',
    (policy) => {
      fc.assert(
        fc.property(
          fc.integer({ min: 1, max: 6 }),
          fc.constantFrom(0, 0.5, 1),
          fc.nat(),
          steps,
          (count, ratio, seed, list) => {
            const machine = new Machine(count, seed, policy, ratio);
            for (const step of list) {
              if (step.do === 'call') {
                for (let i = 0; i < step.times; i++) {
                  machine.begin('service', '');
                  machine.end(machine.leases.length - 1, step.outcome);
                }
              } else if (step.do === 'begin') {
                // The subset covers e0, e2, …: e0 is listed whenever anything is.
                machine.begin(step.subset ? 'subset' : 'service', step.key);
              } else if (step.do === 'end') machine.end(step.which, step.outcome);
              else if (step.do === 'pass') machine.clock.advance(step.ms);
              else {
                machine.listed = step.count;
                machine.test.resolver.update('users', endpoints(step.count));
              }
              machine.check();
            }
            machine.recover();
          },
        ),
        { numRuns: 60 },
      );
    },
    10_000,
  );
});
