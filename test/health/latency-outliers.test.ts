import { type Lease, latencyOutliers, Outcome, type Service } from 'fairlead';
import type { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { ejections, ids } from '../support/drive.js';
import { endpoints, testMesh } from '../support/mesh.js';

/** An interval of calls, all begun together, each ending after its endpoint's time. */
function interval(service: Service, clock: ManualClock, latencyMs: (id: string) => number): void {
  const calls: [lease: Lease, atMs: number][] = Array.from({ length: 100 }, () => {
    const lease = service.acquire();
    return [lease, latencyMs(lease.endpoint.spec.id)];
  });
  calls.sort(([, a], [, b]) => a - b);
  let passedMs = 0;
  for (const [lease, atMs] of calls) {
    clock.advance(atMs - passedMs);
    passedMs = atMs;
    lease.done(Outcome.Success);
  }
  clock.advance(10_000);
}

describe('latency_outliers', () => {
  it("ejects who is slower than three times the others' median in two intervals in a row", () => {
    const { mesh, clock } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { policy: 'round_robin', health: [latencyOutliers()] });
    const seen = ejections(service);
    const slow = (id: string): number => (id === 'e2' ? 400 : 100);
    interval(service, clock, slow);
    expect(seen).toEqual([]);
    interval(service, clock, slow);
    expect(ids(seen)).toEqual(['e2']);
    expect(seen[0]!.evidence).toMatchObject({ meanMs: 400, medianMs: 100, intervals: 2 });
  });

  it('keeps who is slow only once in a while', () => {
    const { mesh, clock } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { policy: 'round_robin', health: [latencyOutliers()] });
    const seen = ejections(service);
    for (let i = 0; i < 4; i++) interval(service, clock, (id) => (id === 'e2' && i % 2 === 0 ? 400 : 100));
    expect(seen).toEqual([]);
  });

  it('forgets a slow interval when no traffic follows', () => {
    const { mesh, clock } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { policy: 'round_robin', health: [latencyOutliers()] });
    const seen = ejections(service);
    const slow = (id: string): number => (id === 'e2' ? 400 : 100);
    interval(service, clock, slow);
    clock.advance(3_600_000);
    interval(service, clock, slow);
    expect(seen).toEqual([]);
    interval(service, clock, slow);
    expect(ids(seen)).toEqual(['e2']);
  });

  it('keeps all when all are slow, and differences that nobody would feel', () => {
    const { mesh, clock } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { policy: 'round_robin', health: [latencyOutliers({ intervals: 1 })] });
    const seen = ejections(service);
    interval(service, clock, () => 2_000);
    interval(service, clock, (id) => (id === 'e2' ? 40 : 1));
    expect(seen).toEqual([]);
  });

  it('tells the slower of two', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin', health: [latencyOutliers({ intervals: 1 })] });
    const seen = ejections(service);
    interval(service, clock, (id) => (id === 'e1' ? 500 : 100));
    expect(ids(seen)).toEqual(['e1']);
  });
});
