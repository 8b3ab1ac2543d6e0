import { Outcome } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { type AlertEvent, monitorMesh } from 'fairlead/monitor';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

function setUp() {
  const made = testMesh({ users: endpoints(3) }, { defaults: { health: [] } });
  const users = made.mesh.service('users');
  const monitor = monitorMesh(made.mesh, { limits: { minCalls: 1 }, raiseAfter: 1, clearAfter: 1 });
  const events: AlertEvent[] = [];
  const fail = (): void => {
    for (let i = 0; i < 5; i++) users.acquire().done(Outcome.Failure);
    made.clock.advance(10_000);
  };
  return { ...made, users, monitor, events, fail };
}

describe('a monitor that is closed', () => {
  it('by a listener of its alerts looks no more', () => {
    const { clock, monitor, events, fail } = setUp();
    monitor.on('alert', (event) => {
      events.push(event);
      monitor.close();
    });
    fail();
    fail();
    expect([events.length, clock.pending]).toEqual([1, 0]);
  });

  it('as its mesh is by a listener looks no more', async () => {
    const { mesh, clock, monitor, events, fail } = setUp();
    monitor.on('alert', (event) => {
      events.push(event);
      void mesh.close({ deadlineMs: 0 });
    });
    fail();
    await clock.advanceAsync(60_000);
    expect([events.length, clock.pending]).toEqual([1, 0]);
  });

  it('does not begin anew where a document that it followed says another interval, and refuses none', async () => {
    const { mesh, clock, monitor } = setUp();
    const config = createConfigStore(mesh, { compare: false });
    monitor.follow(config);
    await config.apply({ alerts: { intervalMs: 20_000 } });
    monitor.close();
    await config.apply({ alerts: { intervalMs: 30_000 } });
    expect(clock.pending).toBe(0);
  });
});

describe('an alert that is raised while it is silenced', () => {
  it('is not said to be over, where what it was about ends after the silence and before the next look', async () => {
    const { mesh, clock, resolver, monitor, events } = setUp();
    const config = createConfigStore(mesh, { compare: false });
    await config.apply({ services: { users: {} } });
    monitor.on('alert', (event) => events.push(event));
    monitor.silence({ subject: 'users', forMs: 15_000 });
    resolver.update('users', []);
    clock.advance(10_000);
    expect(monitor.alerts).toMatchObject([{ rule: 'no_endpoint', silenced: true }]);
    await config.apply({});
    clock.advance(10_000);
    expect([monitor.alerts, events]).toEqual([[], []]);
  });
});
