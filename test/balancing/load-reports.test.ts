import { Outcome, type Service } from 'fairlead';
import { reportLoad, restartLoadReports, type Weighing } from 'fairlead/adapter';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const report = (requestsPerSecond: number, utilization: number, errorsPerSecond = 0) => ({
  requestsPerSecond,
  errorsPerSecond,
  utilization,
});

function shares(service: Service, calls = 120): number[] {
  const counts = new Map(service.endpoints.map((endpoint) => [endpoint, 0]));
  for (let i = 0; i < calls; i++) {
    const lease = service.acquire();
    counts.set(lease.endpoint, counts.get(lease.endpoint)! + 1);
    lease.done(Outcome.Success);
  }
  return [...counts.values()];
}

function setUp(count: number, loadReports: object | true = true) {
  const { mesh, clock } = testMesh({ users: endpoints(count) });
  const service = mesh.service('users', { policy: { weighted_round_robin: { loadReports: loadReports as never } } });
  /** Time goes by, and a call notices. */
  const pass = (ms: number): void => {
    clock.advance(ms);
    service.acquire().done(Outcome.Success);
  };
  return { service, clock, pass };
}

describe('weighted_round_robin with load reports (gRFC A58)', () => {
  it('weighs by requests over utilization, and gives the mean to an endpoint that does not report', () => {
    const { service, clock, pass } = setUp(3);
    const [a, b] = service.endpoints;
    reportLoad(a!, report(300, 1), clock.now());
    reportLoad(b!, report(50, 0.5), clock.now());
    pass(10_000);
    expect(shares(service)).toEqual([60, 20, 40]);
  });

  it('takes errors off the weight', () => {
    const { service, clock, pass } = setUp(2, { errorPenalty: 2 });
    const [a, b] = service.endpoints;
    reportLoad(a!, report(100, 0.5, 0), clock.now());
    reportLoad(b!, report(100, 0.5, 25), clock.now());
    pass(10_000);
    // 100 / 0.5 against 100 / (0.5 + 2 × 25 / 100)
    expect(shares(service)).toEqual([80, 40]);
  });

  it('is plain round robin while fewer than two endpoints have a usable report', () => {
    const { service, clock, pass } = setUp(3);
    reportLoad(service.endpoints[0]!, report(900, 0.1), clock.now());
    pass(20_000);
    expect(shares(service)).toEqual([40, 40, 40]);
  });

  it('does not use a report before the blackout is over, nor one that has expired', () => {
    const { service, clock, pass } = setUp(2);
    const [a, b] = service.endpoints;
    const both = (): void => {
      reportLoad(a!, report(300, 1), clock.now());
      reportLoad(b!, report(100, 1), clock.now());
    };
    both();
    pass(9_000);
    expect(shares(service)).toEqual([60, 60]);
    pass(1_000);
    expect(shares(service)).toEqual([90, 30]);
    pass(179_000);
    expect(shares(service)).toEqual([60, 60]);
    // After a gap the blackout begins again.
    both();
    pass(2_000);
    expect(shares(service)).toEqual([60, 60]);
    both();
    pass(8_000);
    expect(shares(service)).toEqual([90, 30]);
  });

  it('begins the blackout anew for an endpoint that was lost and came back, and tells what it could use (gRFC A78)', () => {
    const { service, clock } = setUp(3, { expirationMs: 60_000 });
    const seen: Weighing[] = [];
    const subset = service.subset({ usable: () => true, onWeighing: (weighing) => seen.push(weighing) });
    const [a, b] = service.endpoints;
    const pass = (ms: number): Weighing => {
      clock.advance(ms);
      subset.acquire().done(Outcome.Success);
      return seen.at(-1)!;
    };
    const both = (): void => {
      reportLoad(a!, report(300, 1), clock.now());
      reportLoad(b!, report(50, 0.5), clock.now());
    };
    expect(pass(1_000)).toEqual({ weights: [0, 0, 0], notYetUsable: 3, stale: 0, fallback: true });
    both();
    expect(pass(10_000)).toEqual({ weights: [300, 100, 0], notYetUsable: 1, stale: 0, fallback: false });
    restartLoadReports(a!);
    expect(pass(20_000)).toEqual({ weights: [0, 100, 0], notYetUsable: 2, stale: 0, fallback: true });
    both();
    expect(pass(9_000)).toMatchObject({ weights: [0, 100, 0] });
    expect(pass(1_000)).toMatchObject({ weights: [300, 100, 0] });
    expect(pass(60_000)).toEqual({ weights: [0, 0, 0], notYetUsable: 1, stale: 2, fallback: true });
  });

  it('lets no report draw more than ten times the mean, nor take an endpoint out', () => {
    const { service, clock, pass } = setUp(21, { blackoutMs: 0 });
    for (const [i, endpoint] of service.endpoints.entries()) {
      reportLoad(endpoint, i === 0 ? report(1e6, 1e-6) : i === 1 ? report(1e-6, 1) : report(100, 1), clock.now());
    }
    pass(1_000);
    const counts = shares(service, 40_000);
    const mean = 1e12 / 21;
    // Twenty of them are at the lower bound, a hundredth of the mean; the first is at ten times the
    // mean.
    const unit = 40_000 / (10 * mean + 20 * 0.01 * mean);
    expect(counts[0]! / (unit * 10 * mean)).toBeCloseTo(1, 2);
    expect(counts[1]! / (unit * 0.01 * mean)).toBeCloseTo(1, 0);
  });

  it('makes sound weights of whatever an endpoint reports', () => {
    const odd = fc.oneof(fc.double(), fc.constantFrom(0, -1, 5e-324, 1.7e308, Infinity, -Infinity, NaN));
    fc.assert(
      fc.property(fc.array(fc.tuple(odd, odd, odd), { minLength: 2, maxLength: 5 }), (reports) => {
        const { service, clock, pass } = setUp(reports.length, { blackoutMs: 0 });
        for (const [i, [requests, utilization, errors]] of reports.entries()) {
          reportLoad(service.endpoints[i]!, report(requests, utilization, errors), clock.now());
        }
        pass(1_000);
        const counts = shares(service, 2_000);
        expect(Math.min(...counts)).toBeGreaterThan(0);
      }),
      { numRuns: 50 },
    );
  });

  it('passes over reports that say nothing', () => {
    const { service, clock, pass } = setUp(2, { blackoutMs: 0 });
    for (const endpoint of service.endpoints) {
      reportLoad(endpoint, report(0, 0.5), clock.now());
      reportLoad(endpoint, report(5, 0), clock.now());
      reportLoad(endpoint, report(Number.NaN, Number.NaN), clock.now());
    }
    pass(1_000);
    expect(shares(service)).toEqual([60, 60]);
  });

  it('refuses options that are wrong', () => {
    const { mesh } = testMesh({});
    const make = (loadReports: unknown) => () =>
      mesh.service('x', { policy: { weighted_round_robin: { loadReports: loadReports as never } } });
    expect(make('yes')).toThrow(/weighted_round_robin\.loadReports is "yes"/);
    expect(make({ updateMs: 1 })).toThrow(/loadReports\.updateMs is 1: allowed is a number from 100/);
  });
});
