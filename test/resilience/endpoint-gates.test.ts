import { type FairleadError, type Lease, Outcome, type Policy, type ResilienceOptions, type Service } from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/** A service whose picks are counted. */
function guarded(resilience: ResilienceOptions, count: number) {
  let picks = 0;
  const counting: Policy = {
    name: 'counting',
    needsLatency: false,
    create: () => {
      let ready: readonly Lease['endpoint'][] = [];
      return {
        update: (rotation) => {
          ready = rotation.ready;
        },
        pick: ({ tried }) => {
          picks++;
          return ready.find((endpoint) => tried?.includes(endpoint) !== true) ?? ready[0]!;
        },
      };
    },
  };
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: counting, resilience, health: [] });
  return { ...test, service, picks: () => picks };
}

function refusal(run: () => unknown): FairleadError {
  try {
    run();
  } catch (error) {
    return error as FairleadError;
  }
  return expect.unreachable('it should have been refused');
}

describe('limits of single endpoints', () => {
  it('pick once more after all were found at their limits only when a call has ended', () => {
    const { service, picks } = guarded({ limits: { maxInflightPerEndpoint: 1 } }, 4);
    const leases = Array.from({ length: 4 }, () => service.acquire());
    refusal(() => service.acquire());
    const before = picks();
    for (let i = 0; i < 1_000; i++) {
      const error = refusal(() => service.acquire());
      expect([error.code, error.retryAfterMs! > 0]).toEqual(['FAIRLEAD_TOO_MANY_CALLS', true]);
    }
    expect(picks()).toBe(before);
    leases[2]!.done(Outcome.Success);
    expect(service.acquire().endpoint).toBe(leases[2]!.endpoint);
  });

  it('ask sixteen of many that are nearly all full, and for a millisecond take them for all', () => {
    const { service, clock, picks } = guarded({ limits: { maxInflightPerEndpoint: 1 } }, 100);
    for (let i = 0; i < 100; i++) {
      // The picker here gives the first that has not been tried: only the first sixteen are ever
      // asked.
      if (i < 16) service.acquire();
      else expect(refusal(() => service.acquire()).code).toBe('FAIRLEAD_TOO_MANY_CALLS');
    }
    const before = picks();
    for (let i = 0; i < 100; i++) refusal(() => service.acquire());
    expect(picks()).toBe(before);
    clock.advance(1);
    refusal(() => service.acquire());
    expect(picks()).toBe(before + 16);
  });

  it('see an endpoint that arrives at once', () => {
    const { service, resolver } = guarded({ limits: { maxInflightPerEndpoint: 1 } }, 2);
    for (let i = 0; i < 2; i++) service.acquire();
    refusal(() => service.acquire());
    resolver.update('users', endpoints(3));
    expect(service.acquire().endpoint.spec.id).toBe('e2');
  });

  it('let calls pass again when the time has come that they said, with nobody ending', () => {
    const { service, clock } = guarded({ limits: { ratePerEndpoint: { perSecond: 1, burst: 1 } } }, 2);
    for (let i = 0; i < 2; i++) service.acquire();
    expect(refusal(() => service.acquire()).retryAfterMs).toBe(1_000);
    clock.advance(400);
    const error = refusal(() => service.acquire());
    expect([error.code, error.retryAfterMs]).toEqual(['FAIRLEAD_RATE_LIMITED', 600]);
    clock.advance(600);
    for (let i = 0; i < 2; i++) service.acquire();
  });

  it('are those of each subset by itself', () => {
    const { service } = guarded({ limits: { maxInflightPerEndpoint: 1 } }, 3);
    const first = service.subset({ usable: ({ spec }) => spec.id === 'e0' });
    first.acquire();
    refusal(() => first.acquire());
    refusal(() => first.acquire());
    const others = service.subset({ usable: ({ spec }) => spec.id !== 'e0' });
    expect(new Set([others.acquire(), others.acquire()].map((lease) => lease.endpoint.spec.id))).toEqual(
      new Set(['e1', 'e2']),
    );
    refusal(() => service.acquire());
  });

  it('give a repeat the endpoint that it tried before, where only that one has room', () => {
    const { service } = guarded({ limits: { maxInflightPerEndpoint: 1 } }, 2);
    const [first, second] = [service.acquire(), service.acquire()];
    first.done(Outcome.Failure);
    expect(service.acquire({ tried: [first.endpoint] }).endpoint).toBe(first.endpoint);
    second.done(Outcome.Success);
  });

  it('take nothing from the rate of the service for a call that they refuse, nor does a service without endpoints', () => {
    const rate = { perSecond: 1, burst: 3 };
    const { service, resolver } = guarded({ limits: { rate, maxInflightPerEndpoint: 1 } }, 1);
    const lease = service.acquire();
    for (let i = 0; i < 10; i++) expect(refusal(() => service.acquire()).code).toBe('FAIRLEAD_TOO_MANY_CALLS');
    lease.done(Outcome.Success);
    resolver.update('users', []);
    for (let i = 0; i < 10; i++) expect(refusal(() => service.acquire()).code).toBe('FAIRLEAD_NO_ENDPOINT');
    resolver.update('users', endpoints(1));
    for (let i = 0; i < 2; i++) service.acquire().done(Outcome.Success);
    expect(refusal(() => service.acquire()).code).toBe('FAIRLEAD_RATE_LIMITED');
  });

  it('refuse exactly when every endpoint is at its limit, whatever happened before', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('acquire' as const) }),
      fc.record({ kind: fc.constant('end' as const), which: fc.nat(100) }),
      fc.record({ kind: fc.constant('resize' as const), to: fc.integer({ min: 1, max: 6 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 3 }), (steps, max) => {
        const { service, resolver } = guarded({ limits: { maxInflightPerEndpoint: max } }, 3);
        let leases: Lease[] = [];
        const room = (of: Service): boolean => of.rotation.some((endpoint) => endpoint.inflight < max);
        for (const each of steps) {
          if (each.kind === 'resize') resolver.update('users', endpoints(each.to));
          else if (each.kind === 'end' && leases.length > 0) {
            const [ended] = leases.splice(each.which % leases.length, 1);
            ended!.done(Outcome.Success);
          } else if (each.kind === 'acquire') {
            if (room(service)) leases = [...leases, service.acquire()];
            else expect(refusal(() => service.acquire()).code).toBe('FAIRLEAD_TOO_MANY_CALLS');
          }
        }
        expect(service.endpoints.every((endpoint) => endpoint.inflight <= max)).toBe(true);
      }),
      { numRuns: 200, seed: 23 },
    );
  });
});
