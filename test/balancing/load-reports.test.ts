import { Outcome, reportLoad, type Service } from 'fairlead';
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
  const service = mesh.service('users', { policy: { weighted_round_robin: { loadReports } } });
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
      mesh.service('x', { policy: { weighted_round_robin: { loadReports } } });
    expect(make('yes')).toThrow(/weighted_round_robin\.loadReports is "yes"/);
    expect(make({ updateMs: 1 })).toThrow(/loadReports\.updateMs is 1: allowed is a number from 100/);
  });
});
