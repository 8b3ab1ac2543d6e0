import { type Endpoint, Outcome, peakEwma, type Service } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function setUp(count: number, options: Parameters<typeof peakEwma>[0] = {}) {
  const { mesh, clock } = testMesh({ users: endpoints(count) });
  const service = mesh.service('users', { policy: peakEwma(options), health: [] });
  /** One call to each endpoint in turn, so that each has the estimate that `latencies` says. */
  const teach = (...latencies: number[]): void => {
    const leases = latencies.map(() => service.acquire());
    const byId = new Map(leases.map((lease) => [lease.endpoint.spec.id, lease]));
    latencies
      .map((ms, index) => ({ ms, lease: byId.get(`e${index}`)! }))
      .sort((a, b) => a.ms - b.ms)
      .reduce((passedMs, { ms, lease }) => {
        clock.advance(ms - passedMs);
        lease.done(Outcome.Success);
        return ms;
      }, 0);
  };
  return { service, clock, teach };
}

/** How many of so many calls, each done at once by `outcome`, go to each endpoint. */
function picks(service: Service, calls: number): number[] {
  const before = service.endpoints.map((endpoint) => endpoint.calls);
  for (let i = 0; i < calls; i++) service.acquire()[Symbol.dispose]();
  return service.endpoints.map((endpoint, index) => endpoint.calls - before[index]!);
}

const at = (service: Service, index: number): Endpoint => service.endpoints[index]!;

describe('peak_ewma', () => {
  it('gives a new endpoint one call and waits for its answer', () => {
    const { service, clock, teach } = setUp(3);
    teach(10, 10, 10);
    const { service: fresh } = setUp(2);
    fresh.acquire();
    fresh.acquire();
    expect(fresh.endpoints.map((endpoint) => endpoint.inflight)).toEqual([1, 1]);
    clock.advance(1);
    expect(service.endpoints.every((endpoint) => endpoint.latencyMs === 10)).toBe(true);
  });

  it('prefers the endpoint with the lower response time', () => {
    const { service, teach } = setUp(2);
    teach(10, 20);
    expect(picks(service, 50)).toEqual([50, 0]);
  });

  it('takes the slower one where the faster has more than its share in flight', () => {
    const { service, teach } = setUp(2);
    teach(10, 25);
    const first = [service.acquire(), service.acquire(), service.acquire()].map((lease) => lease.endpoint.spec.id);
    expect(first).toEqual(['e0', 'e0', 'e1']); // costs 10 : 25, 20 : 25, 30 : 25
  });

  it('jumps up at once with a slow answer and comes down with the decay', () => {
    const { service, clock, teach } = setUp(1, { decayMs: 1_000 });
    teach(10);
    let lease = service.acquire();
    clock.advance(500);
    lease.done(Outcome.Success);
    expect(at(service, 0).latencyMs).toBe(500);
    lease = service.acquire();
    clock.advance(100);
    lease.done(Outcome.Success);
    const keep = Math.exp(-0.1);
    expect(at(service, 0).latencyMs).toBeCloseTo(500 * keep + 100 * (1 - keep));
  });

  it('counts the age of calls in progress before any of them is answered', () => {
    const { service, clock, teach } = setUp(2);
    teach(10, 12);
    const stuck = service.acquire();
    expect(stuck.endpoint).toBe(at(service, 0));
    // e0 costs 2 × its age now, e1 12: from 6 ms on it is dearer, at 10 ms it was so by its
    // estimate alone.
    clock.advance(1_000);
    expect(picks(service, 20)).toEqual([0, 20]);
  });

  it('sends an idle straggler nothing although the others have calls in flight', () => {
    const { service, teach } = setUp(2);
    teach(100, 1_200);
    // Published: 100 × 12 against 1,200 × 1 would send the twelfth call there. Here 1,200 counts as
    // 1,200 × 4.
    for (let i = 0; i < 40; i++) expect(service.acquire().endpoint.spec.id).toBe('e0');
  });

  it('makes failures cost: a failure is no fast answer', () => {
    const { service, clock, teach } = setUp(2);
    teach(10, 11);
    const failing = service.acquire();
    clock.advance(0.1);
    failing.done(Outcome.Failure);
    expect(at(service, 0)).toMatchObject({ latencyMs: 10, failureRatio: 1 / 8 });
    expect(picks(service, 20)).toEqual([0, 20]);
  });

  it('takes a failing server for a fast one when the penalty is switched off', () => {
    const { service, clock, teach } = setUp(2, { failurePenalty: 0 });
    teach(10, 11);
    const failing = service.acquire();
    clock.advance(0.1);
    failing.done(Outcome.Failure);
    expect(picks(service, 20)).toEqual([20, 0]);
  });

  it('forgives failures with time', () => {
    const { service, clock, teach } = setUp(2, { decayMs: 1_000 });
    teach(10, 11);
    service.acquire().done(Outcome.Overloaded);
    expect(picks(service, 20)).toEqual([0, 20]);
    clock.advance(10_000);
    expect(picks(service, 200)[0]).toBeGreaterThan(0);
  });

  it('learns from a cancelled call that took longer than the estimate, and nothing from a shorter one', () => {
    const { service, clock, teach } = setUp(1);
    teach(10);
    let lease = service.acquire();
    clock.advance(5);
    lease.done(Outcome.Cancelled);
    expect(at(service, 0).latencyMs).toBe(10);
    lease = service.acquire();
    clock.advance(300);
    lease.done(Outcome.Cancelled);
    expect(at(service, 0).latencyMs).toBe(300);
  });

  it('does not prefer an endpoint of which every call so far was cancelled', () => {
    const { service, clock } = setUp(2);
    const [a, b] = [service.acquire(), service.acquire()];
    clock.advance(10);
    a.done(Outcome.Cancelled);
    b.done(Outcome.Success);
    const counts = picks(service, 200);
    expect(Math.min(...counts)).toBeGreaterThan(0);
  });

  it('compares as many as `choices` says: all of them, and the best is always found', () => {
    const { service, teach } = setUp(3, { choices: 16 });
    teach(30, 10, 20);
    expect(picks(service, 50)).toEqual([0, 50, 0]);
  });

  it('avoids endpoints already tried', () => {
    const { service, teach } = setUp(2);
    teach(10, 20);
    for (let i = 0; i < 20; i++) {
      using lease = service.acquire({ tried: [at(service, 0)] });
      expect(lease.endpoint.spec.id).toBe('e1');
    }
  });

  it('refuses options out of range', () => {
    expect(() => peakEwma({ choices: 1 })).toThrow(/peak_ewma\.choices/);
    expect(() => peakEwma({ failurePenalty: -1 })).toThrow(/peak_ewma\.failurePenalty/);
    expect(() => peakEwma({ decayMs: 0 })).toThrow(/peak_ewma\.decayMs/);
  });
});
