import { Outcome, type Service, serviceStats } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function setUp(windowMs = 10_000) {
  const { mesh, clock, resolver } = testMesh({ users: endpoints(2) });
  const service = mesh.service('users', { policy: 'round_robin', measureLatency: true });
  const stats = serviceStats(service, { windowMs, clock });
  const run = (latencyMs: number, outcome: Outcome = Outcome.Success, of: Service = service): void => {
    const lease = of.acquire();
    clock.advance(latencyMs);
    lease.done(outcome);
  };
  return { mesh, clock, resolver, service, stats, run };
}

describe('serviceStats', () => {
  it('tells calls, failures and the rate of each endpoint', () => {
    const { stats, run } = setUp();
    for (let i = 0; i < 20; i++) run(100, i < 2 ? Outcome.Failure : Outcome.Success);
    const [first, second] = stats.read();
    expect(first).toMatchObject({ calls: 10, failures: 1, callsPerSecond: 5 });
    expect(second).toMatchObject({ calls: 10, failures: 1, callsPerSecond: 5 });
  });

  it('tells the 50th and 99th percentile of a known distribution within four percent', () => {
    const { stats, run, resolver } = setUp(3_600_000);
    resolver.update('users', endpoints(1));
    for (let ms = 1; ms <= 1_000; ms++) run(ms);
    const [only] = stats.read();
    expect(Math.abs(only!.p50Ms - 500)).toBeLessThanOrEqual(20);
    expect(Math.abs(only!.p99Ms - 990)).toBeLessThanOrEqual(40);
  });

  it('forgets what is older than the window', () => {
    const { stats, run, clock } = setUp(1_000);
    const counted = () => stats.read().map(({ calls }) => calls);
    run(10);
    run(10);
    clock.advance(500);
    expect(counted()).toEqual([1, 1]);
    clock.advance(500);
    expect(counted()).toEqual([0, 0]);
  });

  it('gives NaN for response times nobody measured', () => {
    const { mesh, clock } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users', { policy: 'round_robin' });
    const stats = serviceStats(service, { clock });
    service.acquire().done(Outcome.Success);
    expect(stats.read()[0]).toMatchObject({ calls: 1, p50Ms: Number.NaN, p99Ms: Number.NaN });
  });

  it('does not count the calls of another service of the same name', () => {
    const { stats, run } = setUp();
    const { mesh } = testMesh({ users: endpoints(2) });
    run(1, Outcome.Success, mesh.service('users'));
    expect(stats.read().map(({ calls }) => calls)).toEqual([0, 0]);
  });

  it('keeps a departed endpoint until its last call has ended, and counts that call', () => {
    const { stats, service, resolver } = setUp();
    const lease = service.acquire();
    resolver.update('users', []);
    expect(stats.read().map(({ endpoint }) => endpoint)).toEqual([lease.endpoint]);
    lease.done(Outcome.Success);
    expect(stats.read()).toEqual([]);
  });

  it('counts endpoints that arrive later', () => {
    const { stats, resolver, run } = setUp();
    resolver.update('users', endpoints(3));
    for (let i = 0; i < 3; i++) run(1);
    expect(stats.read().map(({ calls }) => calls)).toEqual([1, 1, 1]);
  });

  it('leaves no timer and counts nothing once closed', () => {
    const { stats, run, clock } = setUp();
    stats.close();
    stats.close();
    run(1);
    expect(stats.read()).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('refuses an unknown option and a window out of range', () => {
    const { service } = setUp();
    expect(() => serviceStats(service, { window: 1 } as never)).toThrow(/serviceStats\.window is not an option/);
    expect(() => serviceStats(service, { windowMs: 1 })).toThrow(/serviceStats\.windowMs is 1: allowed is/);
  });
});
