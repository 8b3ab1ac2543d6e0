import { Outcome } from 'fairlead';
import { fakeEndpoints } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../support/mesh.js';

/** A service of so many endpoints, and how often its rotation was computed. */
function counted(count: number) {
  const test = testMesh({ users: fakeEndpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin', maxEjectionRatio: 1, panicThreshold: 0 });
  let rotations = 0;
  service.on('rotation', () => rotations++);
  /** Ejects so many, a millisecond apart. */
  const eject = (many: number): void => {
    for (const { spec } of service.endpoints.slice(0, many)) {
      for (let i = 0; i < 5; i++) service.acquire({ prefer: spec.id }).done(Outcome.Failure);
      test.clock.advance(1);
    }
  };
  return { ...test, service, eject, computed: () => rotations };
}

describe('a rotation', () => {
  it('of 199 endpoints is computed at once for every change of health', () => {
    const { service, eject, computed } = counted(199);
    eject(50);
    expect(computed()).toBe(50);
    expect(service.rotation).toHaveLength(149);
  });

  it('of 2,000 is computed once per 20 ms when hundreds are ejected together, and the first time at once', () => {
    const { service, clock, eject, computed } = counted(2_000);
    clock.advance(1_000);
    eject(1);
    expect(service.rotation).toHaveLength(1_999);
    eject(600);
    expect(computed()).toBeGreaterThan(25);
    expect(computed()).toBeLessThan(35);
    clock.advance(20);
    expect(service.rotation).toHaveLength(1_400);
    // Nobody waits any longer than for the next of these, and each returns by its probe as ever.
    for (let second = 0; second < 40; second++) {
      clock.advance(1_000);
      for (let i = 0; i < 200; i++) service.acquire().done(Outcome.Success);
    }
    clock.advance(20);
    expect(service.rotation).toHaveLength(2_000);
  });

  it('does not wait for what discovery tells', () => {
    const { service, resolver, eject } = counted(2_000);
    eject(3);
    resolver.update('users', fakeEndpoints(1_000));
    expect(service.rotation).toHaveLength(997);
  });

  it('that waits is computed no more when the service closes', async () => {
    const { service, mesh, clock, eject, computed } = counted(2_000);
    eject(3);
    const before = computed();
    expect(service.rotation.length).toBeGreaterThan(1_997);
    await mesh.close();
    clock.advance(1_000_000);
    expect(computed()).toBe(before);
    expect(clock.pending).toBe(0);
  });
});
