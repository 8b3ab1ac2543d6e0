import { consecutiveFailures, Outcome, type Service } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../../support/mesh.js';

const list = [0, 1].flatMap((priority) =>
  [0, 1, 2, 3].map((i) => ({ id: `p${priority}-${i}`, host: '127.0.0.1', port: 5_000 + 10 * priority + i, priority })),
);

function share(service: Service, calls = 2_000): number {
  let first = 0;
  for (let i = 0; i < calls; i++) {
    const lease = service.acquire();
    if (lease.endpoint.spec.priority === 0) first++;
    lease.done(Outcome.Success);
  }
  return first / calls;
}

describe('a priority that comes as a whole under slow start', () => {
  it('gets its share little by little, while the next one still carries the rest', () => {
    const { mesh, resolver, clock } = testMesh({ users: list.slice(4) });
    const service = mesh.service('users', { slowStart: { windowMs: 10_000 } });
    resolver.update('users', list);
    // 1.4 times its warmth, which is 0.1 at first and grows in a straight line.
    expect(share(service)).toBeCloseTo(0.14, 1);
    clock.advance(5_000);
    expect(share(service)).toBeCloseTo(0.7, 1);
    clock.advance(2_500);
    expect(share(service)).toBe(1);
  });

  it('does so when it returns from its ejections', () => {
    const { mesh, clock } = testMesh({ users: list });
    const service = mesh.service('users', {
      slowStart: { windowMs: 10_000 },
      maxEjectionRatio: 1,
      health: [consecutiveFailures({ failures: 1, baseEjectionMs: 1_000, jitterRatio: 0 })],
    });
    for (let i = 0; i < 50; i++) {
      const lease = service.acquire();
      lease.done(lease.endpoint.spec.priority === 0 ? Outcome.ConnectFailure : Outcome.Success);
    }
    expect(share(service)).toBe(0);
    clock.advance(1_000);
    for (let i = 0; i < 8; i++) service.acquire().done(Outcome.Success);
    expect(share(service)).toBeLessThan(0.25);
    clock.advance(10_000);
    expect(share(service)).toBe(1);
  });

  it('has all calls at once where there is no other, or no other that is well', () => {
    const { mesh, resolver } = testMesh({ users: list.slice(4, 5) });
    const service = mesh.service('users', {
      slowStart: { windowMs: 10_000 },
      maxEjectionRatio: 1,
      panicThreshold: 0,
      health: [consecutiveFailures({ failures: 1, jitterRatio: 0 })],
    });
    service.acquire().done(Outcome.ConnectFailure);
    resolver.update('users', list.slice(0, 5));
    expect(share(service)).toBe(1);
    resolver.update('users', list.slice(0, 4));
    expect(share(service)).toBe(1);
  });

  it('keeps its share where only one of it is new', () => {
    const { mesh, resolver } = testMesh({ users: list.slice(1) });
    const service = mesh.service('users', { slowStart: { windowMs: 10_000 } });
    resolver.update('users', list);
    expect(share(service)).toBe(1);
  });
});
