import { Outcome } from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ticksToMs, toTick, UNTIMED } from '../../src/runtime/ticks.js';
import { endpoints, testMesh } from '../support/mesh.js';

describe('ticks', () => {
  it('give back the elapsed time to the microsecond, for calls up to 35 minutes, across every wrap', () => {
    const startMs = fc.double({ min: 0, max: 1e10, noNaN: true });
    const elapsedMs = fc.double({ min: 0, max: 35 * 60_000, noNaN: true });
    fc.assert(
      fc.property(startMs, elapsedMs, (start, elapsed) => {
        expect(Math.abs(ticksToMs(toTick(start), toTick(start + elapsed)) - elapsed)).toBeLessThan(0.003);
      }),
    );
  });

  it('never equal the mark of an untimed call', () => {
    expect(toTick(2 ** 31 / 1000)).not.toBe(UNTIMED);
  });
});

describe('lease', () => {
  it('measures the response time of its endpoint where the policy needs it', () => {
    const { mesh, clock } = testMesh({ s: endpoints(1) });
    const lease = mesh.service('s', { policy: 'peak_ewma' }).acquire();
    clock.advance(25);
    expect(lease.endpoint.inflightAgeMs(clock.now())).toBeCloseTo(25);
    lease.done(Outcome.Success);
    expect(lease.endpoint.latencyMs).toBeCloseTo(25);
    expect(lease.endpoint.inflightAgeMs(clock.now())).toBe(0);
  });

  it('does not read the clock where the policy does not need it', () => {
    const { mesh, clock } = testMesh({ s: endpoints(3) });
    const service = mesh.service('s', { policy: 'least_request' });
    let reads = 0;
    const now = clock.now.bind(clock);
    clock.now = () => {
      reads++;
      return now();
    };
    for (let i = 0; i < 10; i++) service.acquire().done(Outcome.Success);
    expect(reads).toBe(0);
  });

  it('counts as cancelled when disposed without an outcome: nothing is held against the endpoint', () => {
    const { mesh } = testMesh({ s: endpoints(1) });
    const service = mesh.service('s', { policy: 'peak_ewma' });
    const lease = service.acquire();
    lease[Symbol.dispose]();
    expect(lease.endpoint.inflight).toBe(0);
    expect(lease.endpoint.failures).toBe(0);
    expect(lease.endpoint.latencyMs).toBeNaN();
  });

  it('stays valid after its endpoint left discovery', () => {
    const { mesh, resolver } = testMesh({ s: endpoints(1) });
    const service = mesh.service('s');
    const lease = service.acquire();
    resolver.update('s', []);
    expect(lease.endpoint.state).toBe('draining');
    lease.done(Outcome.Success);
    expect(lease.endpoint.inflight).toBe(0);
  });

  it('keeps in-flight counts true through any order of acquiring, ending and changing membership', () => {
    const step = fc.oneof(
      fc.constant({ kind: 'acquire' as const }),
      fc.record({
        kind: fc.constant('done' as const),
        which: fc.nat(20),
        outcome: fc.constantFrom(...Object.values(Outcome)),
      }),
      fc.record({ kind: fc.constant('members' as const), count: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 60_000 }) }),
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.constantFrom('least_request', 'peak_ewma', 'round_robin'),
        (steps, policy) => {
          const { mesh, resolver, clock } = testMesh({ s: endpoints(3) });
          const service = mesh.service('s', { policy });
          const open: ReturnType<typeof service.acquire>[] = [];
          for (const each of steps) {
            if (each.kind === 'acquire') open.push(service.acquire());
            else if (each.kind === 'done') open.splice(each.which % (open.length || 1), 1)[0]?.done(each.outcome);
            else if (each.kind === 'members') resolver.update('s', endpoints(each.count));
            else clock.advance(each.ms);
            for (const endpoint of service.endpoints) {
              expect(endpoint.inflight).toBe(open.filter((lease) => lease.endpoint === endpoint).length);
            }
          }
        },
      ),
    );
  });
});
