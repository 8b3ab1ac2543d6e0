import { Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { warmthAt } from '../../../src/endpoint/rotation/slow-start.js';
import { endpoints, testMesh } from '../../support/mesh.js';

const linear = { windowMs: 60_000, aggression: 1, minWeightRatio: 0.1 };

describe('slow start', () => {
  it.each([
    // Envoy: new_weight = weight * max(min_weight_percent, time_factor ^ (1 / aggression)), time
    // factor from 1 s on.
    [0, 1, 0.1],
    [3_000, 1, 0.1],
    [6_000, 1, 0.1],
    [15_000, 1, 0.25],
    [30_000, 1, 0.5],
    [45_000, 1, 0.75],
    [60_000, 1, 1],
    [15_000, 2, 0.5],
    [15_000, 0.5, 0.1],
    [30_000, 0.5, 0.25],
  ])("follows Envoy's curve: after %d ms with aggression %d the share is %d", (elapsedMs, aggression, expected) => {
    expect(warmthAt(elapsedMs, { ...linear, aggression })).toBeCloseTo(expected, 12);
  });

  it('counts the first second as one whole second', () => {
    expect(warmthAt(0, { windowMs: 2_000, aggression: 1, minWeightRatio: 0.1 })).toBe(0.5);
  });

  it('warms an endpoint that comes later, not those found together at the start', () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { slowStart: { windowMs: 60_000 } });
    expect(service.endpoints.map(({ weight }) => weight)).toEqual([1, 1]);
    resolver.update('users', endpoints(3, { weight: 4 }));
    const late = service.endpoints[2]!;
    expect(late.weight).toBeCloseTo(0.4, 12);
    expect(service.endpoints[0]!.weight).toBe(4);
    clock.advance(30_000);
    expect(late.weight).toBeCloseTo(2, 12);
    clock.advance(30_000);
    expect(late.weight).toBe(4);
    expect(clock.pending).toBe(0);
  });

  it('gives a cold endpoint its share of the calls and no more', () => {
    const { mesh, resolver } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { policy: 'weighted_round_robin', slowStart: { windowMs: 60_000 } });
    resolver.update('users', endpoints(5));
    let cold = 0;
    for (let i = 0; i < 4_100; i++) {
      const lease = service.acquire();
      if (lease.endpoint.spec.id === 'e4') cold++;
      lease.done(Outcome.Success);
    }
    expect(cold).toBe(100);
  });

  it('warms an endpoint again that returns from an ejection', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin', slowStart: { windowMs: 10_000 } });
    for (let i = 0; i < 10; i++) {
      const lease = service.acquire();
      lease.done(lease.endpoint.spec.id === 'e1' ? Outcome.Failure : Outcome.Success);
    }
    clock.advance(33_000);
    const probe = service.acquire();
    expect(probe.endpoint.spec.id).toBe('e1');
    probe.done(Outcome.Success);
    expect(probe.endpoint.weight).toBeCloseTo(0.1, 12);
  });

  it('stops its timer when the service closes', async () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(2) });
    mesh.service('users', { slowStart: { windowMs: 60_000 } });
    resolver.update('users', endpoints(3));
    expect(clock.pending).toBe(1);
    await mesh.close();
    expect(clock.pending).toBe(0);
  });
});
