import { Outcome, type Random, type Service } from 'fairlead';
import { type CanaryOptions, type CanaryStatus, routeCalls, startCanary } from 'fairlead/routing';
import type { ManualClock } from 'fairlead/testing';
import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../../support/mesh.js';

interface Behaviour {
  readonly errors: number;
  readonly latencyMs: (random: Random) => number;
}

const WELL: Behaviour = { errors: 0.001, latencyMs: (random) => 5 + 10 * random.float() };

function world(options: Partial<CanaryOptions> = {}) {
  const endpoints = ['1', '2'].flatMap((version) =>
    ['a', 'b', 'c'].map((name, i) => ({
      id: `v${version}-${name}`,
      host: '127.0.0.1',
      port: 5_000 + Number(version) * 10 + i,
      meta: { version },
    })),
  );
  // Ejection would take a bad canary out before its judge could see it.
  const test = testMesh({ users: endpoints }, { defaults: { health: [] } });
  const service = test.mesh.service('users');
  const routing = routeCalls(service, { split: { name: 'users', arms: { v2: { share: 0, version: '2' } } } });
  const canary = startCanary(routing, { arm: 'v2', ...options });
  const seen: string[] = [];
  canary.on('changed', ({ state, step }) => seen.push(`${state} ${step}`));
  return { ...test, service, routing, canary, seen };
}

/** `rps` calls a second, as each version behaves, for so many seconds. */
function drive(
  service: Service,
  clock: ManualClock,
  seconds: number,
  rps: number,
  v1: Behaviour = WELL,
  v2: Behaviour = WELL,
  random: Random = seededRandom(5),
): void {
  for (let ms = 0; ms < seconds * 1_000; ms += 1_000) {
    const leases = Array.from({ length: rps }, (_, i) => {
      const lease = service.acquire({ key: `user-${random.below(1 << 20)}-${i}` });
      const { errors, latencyMs } = lease.endpoint.spec.meta.version === '2' ? v2 : v1;
      return { lease, failed: random.float() < errors, atMs: latencyMs(random) };
    });
    leases.sort((a, b) => a.atMs - b.atMs);
    let passed = 0;
    for (const { lease, failed, atMs } of leases) {
      clock.advance(Math.max(0, atMs - passed));
      passed = Math.max(passed, atMs);
      lease.done(failed ? Outcome.Failure : Outcome.Success);
    }
    clock.advance(1_000 - passed);
  }
}

const slower = (times: number): Behaviour => ({
  errors: 0.001,
  latencyMs: (random) => times * (5 + 10 * random.float()),
});

describe('a canary that is well', () => {
  it('goes through its steps, each at least two minutes and enough calls long, and keeps the last share', () => {
    const { service, clock, canary, seen, routing } = world();
    expect(canary.status).toMatchObject({ state: 'running', step: 0, share: 1 });
    drive(service, clock, 119, 50);
    expect(canary.status.step).toBe(0);
    drive(service, clock, 900, 50);
    expect(seen).toEqual(['running 1', 'running 2', 'running 3', 'running 4', 'passed 4']);
    expect(canary.status).toMatchObject({ state: 'passed', share: 100 });
    expect(routing.status.arms.v2!.share).toBe(100);
  });

  it('waits while there are no calls, tells once that it is stalled, and goes on when they come', () => {
    const { service, clock, canary } = world();
    const stalled: CanaryStatus[] = [];
    canary.on('stalled', (status) => stalled.push(status));
    clock.advance(7_200_000);
    expect(canary.status).toMatchObject({ state: 'running', step: 0, stalled: true });
    expect(stalled).toHaveLength(1);
    drive(service, clock, 60, 100);
    expect(canary.status).toMatchObject({ step: 1, stalled: false });
  });

  it('is not judged by calls that were cancelled, or refused for overload', () => {
    const { service, clock, canary } = world({ steps: [{ share: 50 }] });
    for (let i = 0; i < 20_000; i++) {
      const lease = service.acquire({ key: `${i}` });
      const isNew = lease.endpoint.spec.meta.version === '2';
      lease.done(
        isNew && i % 2 === 0 ? Outcome.Overloaded : isNew && i % 3 === 0 ? Outcome.Cancelled : Outcome.Success,
      );
      if (i % 100 === 0) clock.advance(1_000);
    }
    expect(canary.status.state).toBe('passed');
    expect(canary.status.errors.canary.bad).toBe(0);
  });
});

describe('a canary that is worse', () => {
  it('by its errors loses its share at once, for good, and says why', () => {
    const { service, clock, canary, routing } = world();
    const told: CanaryStatus[] = [];
    canary.on('rolledBack', (status) => told.push(status));
    drive(service, clock, 600, 200, WELL, { ...WELL, errors: 0.2 });
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ state: 'rolled_back', share: 0, step: 0 });
    expect(told[0]!.reason).toMatch(/^\d+ of \d+ calls failed, against \d+ of \d+ \(p = /);
    expect(routing.status.arms.v2!.share).toBe(0);
    const calls = routing.status.arms.v2!.calls;
    drive(service, clock, 600, 50);
    expect(routing.status.arms.v2!.calls).toBe(calls);
    canary.promote();
    canary.resume();
    expect(canary.status).toMatchObject({ state: 'rolled_back', share: 0 });
  });

  it("by calls slower than the baseline's p95", () => {
    const { service, clock, canary } = world({ steps: [{ share: 5 }, { share: 25 }] });
    drive(service, clock, 900, 100, WELL, slower(1.6));
    expect(canary.status.state).toBe('rolled_back');
    expect(canary.status.reason).toMatch(/slower than the baseline's p95/);
  });

  it('is rolled back while it is paused too', () => {
    const { service, clock, canary, seen } = world({ steps: [{ share: 50 }] });
    canary.pause();
    drive(service, clock, 200, 20);
    expect(canary.status).toMatchObject({ state: 'paused', step: 0 });
    drive(service, clock, 200, 20, WELL, { ...WELL, errors: 0.5 });
    expect(seen).toEqual(['paused 0', 'rolled_back 0']);
  });

  it('is measured against the baseline of the same time: an incident of both is none of its own', () => {
    const { service, clock, canary } = world({ steps: [{ share: 10 }, { share: 100 }] });
    const bad = { ...WELL, errors: 0.3 };
    for (let i = 0; i < 6; i++) {
      drive(service, clock, 20, 200, WELL, WELL, seededRandom(i));
      drive(service, clock, 20, 200, bad, bad, seededRandom(100 + i));
    }
    expect(canary.status.state).not.toBe('rolled_back');
    expect(canary.status.step).toBe(1);
  });

  it('is rolled back by a limit of its own where that is wanted, whatever the baseline does', () => {
    const bad = { ...WELL, errors: 0.3 };
    const { service, clock, canary } = world({ steps: [{ share: 10 }], maxErrorPercent: 10 });
    drive(service, clock, 60, 100, bad, bad);
    expect(canary.status).toMatchObject({ state: 'rolled_back', reason: 'errors are above 10 %' });
  });
});

describe('by hand', () => {
  it('a canary is rolled back, or promoted', () => {
    const one = world();
    one.canary.rollBack('the pager rang');
    expect(one.canary.status).toMatchObject({ state: 'rolled_back', share: 0, reason: 'the pager rang' });
    const other = world();
    other.canary.promote();
    expect(other.canary.status).toMatchObject({ state: 'passed', share: 100 });
    expect(other.clock.pending).toBe(one.clock.pending);
  });

  it('pause() keeps the step, resume() goes on with it', () => {
    const { service, clock, canary } = world();
    canary.pause();
    drive(service, clock, 300, 50);
    expect(canary.status).toMatchObject({ state: 'paused', step: 0 });
    canary.resume();
    drive(service, clock, 11, 50);
    expect(canary.status).toMatchObject({ state: 'running', step: 1 });
  });

  it('close() leaves the share, and no timer', () => {
    const { clock, canary, routing } = world();
    const before = clock.pending;
    canary.close();
    canary.close();
    expect(canary.status.state).toBe('stopped');
    expect(clock.pending).toBe(before - 1);
    expect(routing.status.arms.v2!.share).toBe(1);
  });
});

describe('a routing that changes under a canary', () => {
  it('to another version of the arm lets it begin anew, without the old counts', () => {
    const { service, clock, canary, routing } = world();
    drive(service, clock, 300, 50);
    expect(canary.status.step).toBe(2);
    routing.update({
      split: { name: 'users', arms: { v2: { share: 25, version: '2', tags: [], meta: { version: '2' } } } },
    });
    clock.advance(10_000);
    expect(canary.status).toMatchObject({ state: 'running', step: 0, share: 1, calls: 0 });
  });

  it('by another arm, or lanes, leaves its step and what it has counted', () => {
    const { service, clock, canary, routing } = world();
    drive(service, clock, 300, 50);
    const { step, calls, errors } = canary.status;
    expect(step).toBe(2);
    const share = canary.status.share;
    const arms = { v3: { share: 10, version: '3' }, v2: { share, version: '2' } };
    routing.update({ split: { name: 'users', arms }, lanes: true });
    clock.advance(10_000);
    expect(canary.status).toMatchObject({ state: 'running', step, share, calls });
    drive(service, clock, 20, 50);
    expect(canary.status.calls).toBeGreaterThan(calls);
    expect(canary.status.errors.baseline.calls).toBeGreaterThan(errors.baseline.calls);
  });

  it('by another baseline keeps its step, and compares anew', () => {
    const { service, clock, canary, routing } = world();
    drive(service, clock, 300, 50);
    const arms = { v2: { share: canary.status.share, version: '2' } };
    routing.update({ split: { name: 'users', arms, baseline: { version: '1' } } });
    clock.advance(10_000);
    expect(canary.status).toMatchObject({ state: 'running', step: 2, errors: { baseline: { calls: 0 } } });
    drive(service, clock, 600, 50, WELL, { ...WELL, errors: 0.5 });
    expect(canary.status.state).toBe('rolled_back');
  });

  it.each(['rollBack', 'promote'] as const)('and takes the arm away is no reason for %s() to throw', (what) => {
    const { canary, routing } = world();
    routing.update({ lanes: true });
    canary[what]();
    expect(canary.status).toMatchObject({ state: 'stopped', reason: 'the arm was taken away' });
  });

  it('and takes the arm away stops it', () => {
    const { clock, canary, routing } = world();
    routing.update({ lanes: true });
    clock.advance(10_000);
    expect(canary.status).toMatchObject({ state: 'stopped', reason: 'the arm was taken away' });
    expect(canary.status.share).toBe(0);
  });
});

describe('a canary none of whose calls is answered', () => {
  it.each([Outcome.ConnectFailure, Outcome.Failure])(
    'is out as soon as ejection leaves it no calls (%i)',
    (outcome) => {
      const endpoints = ['1', '1', '1', '2'].map((version, i) => ({
        ...{ id: `v${version}-${i}`, host: '127.0.0.1', port: 5_000 + i, meta: { version } },
      }));
      const { mesh, clock } = testMesh({ users: endpoints });
      const service = mesh.service('users');
      const routing = routeCalls(service, { split: { name: 'users', arms: { v2: { share: 0, version: '2' } } } });
      const canary = startCanary(routing, { arm: 'v2' });
      for (let s = 0; s < 120 && canary.status.state === 'running'; s++) {
        for (let i = 0; i < 50; i++) {
          const lease = service.acquire({ key: `${s}-${i}` });
          lease.done(lease.endpoint.spec.meta.version === '2' ? outcome : Outcome.Success);
        }
        clock.advance(1_000);
      }
      expect(canary.status).toMatchObject({ state: 'rolled_back', share: 0 });
    },
  );
});

describe('startCanary() beside others', () => {
  it('refuses a second canary while one is judged, also of the same arm', () => {
    const { routing, canary } = world();
    expect(() => startCanary(routing, { arm: 'v2' })).toThrow(/judged already/);
    canary.rollBack();
    expect(startCanary(routing, { arm: 'v2' }).status.state).toBe('running');
  });

  it('refuses steps that do not fit beside the other arms', () => {
    const { mesh } = testMesh({ users: [] });
    const arms = { v2: { share: 0, version: '2' }, v3: { share: 25, version: '3' } };
    const routing = routeCalls(mesh.service('users'), { split: { name: 'users', arms } });
    expect(() => startCanary(routing, { arm: 'v2' })).toThrow(/steps\[4\]\.share is 100: allowed is at most 75/);
  });
});

describe('startCanary()', () => {
  it.each([
    [{ arm: 'v3' }, /startCanary\.arm is "v3": allowed is an arm of the split: v2/],
    [{ arm: 'baseline' }, /an arm of the split/],
    [{ arm: 'v2', steps: [] }, /steps is .* allowed is an array of 1 to 100 steps/],
    [{ arm: 'v2', steps: [{ share: 5 }, { share: 5 }] }, /steps\[1\]\.share is 5: allowed is more than 5/],
    [{ arm: 'v2', steps: [{ share: 0 }] }, /0\.01 to 100/],
    [{ arm: 'v2', alpha: 2 }, /alpha is 2/],
    [{ arm: 'v2', window: 1 }, /window is not an option/],
  ])('refuses %j', (options, message) => {
    const { routing } = world();
    expect(() => startCanary(routing, options as never)).toThrow(message);
  });
});
