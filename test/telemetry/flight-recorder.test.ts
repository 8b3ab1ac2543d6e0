import { consecutiveFailures, type Flight, Outcome, type Service, type ServiceOptions } from 'fairlead';
import { createConfigStore } from 'fairlead/config';
import { monitorMesh } from 'fairlead/monitor';
import { normal, poisson, replayFlight, servers, simulate } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { bytesPer } from '../../src/testing/conformance/heap.js';
import { endpoints, testMesh } from '../support/mesh.js';

function world(recorder: ServiceOptions['recorder'], more: ServiceOptions = {}, count = 3) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin', recorder, ...more } as ServiceOptions);
  return { ...test, service };
}

describe('the flight recorder', () => {
  it('is off by default, and says where each call went, why, and how it ended', () => {
    expect(world(undefined).service.flight).toBeUndefined();
    const { service, clock } = world(true);
    const first = service.acquire();
    clock.advance(10);
    const second = service.acquire({ prefer: 'e0', key: 'ada' });
    clock.advance(5);
    second.done(Outcome.Failure);
    first.done(Outcome.Success);
    service.acquire({ key: 'ada' });
    const flight = service.flight!.read();
    const names = flight.endpoint.map((index) => flight.endpoints[index]!.id);
    expect(names[0]).toBe(first.endpoint.spec.id);
    expect(names[1]).toBe('e0');
    expect(flight).toMatchObject({
      version: 1,
      service: 'users',
      policy: 'round_robin',
      reason: null,
      fromMs: clock.wallMs() - 15,
      atMs: [0, 10, 15],
      by: [0, 1, 0],
      outcome: [Outcome.Success, Outcome.Failure, -1],
      latencyMs: [15, 5, -1],
      ready: [3, 3, 3],
      weight: [1, 1, 1],
    });
    expect(flight.key[0]).toBe(0);
    expect(flight.key[1]).toBe(flight.key[2]);
    expect(flight.key[1]).not.toBe(0);
    expect(JSON.parse(JSON.stringify(flight))).toEqual(flight);
    expect(JSON.stringify(flight)).not.toContain('ada');
  });

  it('tells calls on one endpoint apart that are in progress together', () => {
    const { service, clock } = world(true, {}, 1);
    const leases = Array.from({ length: 50 }, () => {
      clock.advance(1);
      return service.acquire();
    });
    for (const [i, lease] of leases.entries()) {
      if (i % 3 === 0) lease.done(Outcome.Success);
    }
    const { outcome, inflight } = service.flight!.read();
    expect(outcome.map((each) => each === Outcome.Success)).toEqual(leases.map((_, i) => i % 3 === 0));
    expect(inflight).toEqual(leases.map((_, i) => i + 1));
  });

  it('keeps the last of them, through many rounds of the ring, and one of every so many', () => {
    const { service, clock } = world({ size: 100 });
    for (let i = 0; i < 1_000; i++) {
      clock.advance(1);
      service.acquire().done(Outcome.Success);
    }
    const flight = service.flight!.read();
    // Rounded up to a power of two.
    expect(flight.atMs).toHaveLength(128);
    expect(flight.atMs).toEqual(Array.from({ length: 128 }, (_, i) => i));
    expect(flight.outcome.every((each) => each === Outcome.Success)).toBe(true);
    const sampled = world({ every: 10 });
    for (let i = 0; i < 100; i++) sampled.service.acquire().done(Outcome.Success);
    expect(sampled.service.flight!.read()).toMatchObject({ every: 10, atMs: { length: 10 } });
  });

  it('names endpoints that came and went, and those that took their place', () => {
    const { service, resolver } = world({ size: 64 }, {}, 1);
    for (let i = 0; i < 40; i++) {
      resolver.update('users', [{ id: `gen${i}`, host: '127.0.0.1', port: 1_000 + i }]);
      service.acquire().done(Outcome.Success);
    }
    const { endpoint, endpoints: names, outcome } = service.flight!.read();
    expect(endpoint.map((index) => names[index]!.id)).toEqual(Array.from({ length: 40 }, (_, i) => `gen${i}`));
    expect(outcome.every((each) => each === Outcome.Success)).toBe(true);
  });

  it('says that a session or a probe decided', () => {
    const { service, clock } = world(true, { affinity: true, health: [consecutiveFailures({ failures: 1 })] });
    service.acquire({ key: 'a' }).done(Outcome.Success);
    const bound = service.acquire({ key: 'a' });
    bound.done(Outcome.Success);
    service.acquire({ prefer: bound.endpoint.spec.id }).done(Outcome.Failure);
    clock.advance(60_000);
    service.acquire().done(Outcome.Success);
    expect(service.flight!.read().by).toEqual([0, 2, 1, 3]);
  });

  it('allocates nothing for a call beside its lease', () => {
    const lease = (recorder: boolean): number => {
      const { service } = world(recorder, { measureLatency: true, health: [] }, 10);
      return bytesPer(() => service.acquire().done(Outcome.Success));
    };
    const [off, on] = [lease(false), lease(true)];
    // The smallest object is 12 bytes; what is less is the noise of measuring.
    expect(on - off).toBeLessThan(6);
  });

  it('costs a call no more where it keeps one of ten: no end looks for a decision that is not kept', () => {
    const services = [{ every: 1 }, { every: 10 }].map((recorder) => {
      // Seven take turns, so that each has decisions of its own.
      const { service, clock } = world(recorder, { health: [] }, 7);
      return { clock, service, bestUs: Number.POSITIVE_INFINITY };
    });
    for (let round = 0; round < 15; round++) {
      for (const each of services) {
        const { clock, service } = each;
        const before = process.cpuUsage();
        for (let i = 0; i < 20_000; i++) {
          const lease = service.acquire();
          clock.advance(0.001);
          lease.done(Outcome.Success);
        }
        const { user, system } = process.cpuUsage(before);
        each.bestUs = Math.min(each.bestUs, user + system);
      }
    }
    const [all, some] = services;
    expect(some!.bestUs / all!.bestUs).toBeLessThan(1.4);
  });

  it('goes on to match ends after decisions whose calls never ended were overwritten', () => {
    const { service, clock } = world({ size: 64 }, {}, 1);
    for (let i = 0; i < 100; i++) service.acquire();
    for (let i = 0; i < 64; i++) {
      clock.advance(1);
      const lease = service.acquire();
      clock.advance(1);
      lease.done(Outcome.Failure);
      if (i === 63) service.acquire({ prefer: 'e0' }).done(Outcome.Success);
    }
    const { outcome } = service.flight!.read();
    expect(outcome.slice(0, -1).every((each) => each === Outcome.Failure)).toBe(true);
    expect(outcome.at(-1)).toBe(Outcome.Success);
  });

  it('is frozen when an alert of its service is raised, and goes on', () => {
    const { mesh, service, clock, resolver } = world(true);
    using monitor = monitorMesh(mesh, { intervalMs: 1_000, raiseAfter: 1 });
    for (let i = 0; i < 5; i++) service.acquire().done(Outcome.Success);
    resolver.update('users', []);
    clock.advance(120_000);
    expect(monitor.alerts.length).toBeGreaterThan(0);
    const [frozen] = service.flight!.frozen;
    expect(frozen?.reason).toContain(monitor.alerts[0]!.rule);
    expect(frozen?.atMs).toHaveLength(5);
  });

  it('keeps four frozen flights, through other options as well: they are evidence', async () => {
    const { service, mesh } = world(undefined);
    const config = createConfigStore(mesh);
    await config.apply({ services: { users: { recorder: true } } });
    for (let i = 0; i < 6; i++) service.flight!.freeze(`reason ${i}`);
    expect(service.flight!.frozen.map(({ reason }) => reason)).toEqual([
      'reason 2',
      'reason 3',
      'reason 4',
      'reason 5',
    ]);
    service.acquire().done(Outcome.Success);
    await config.apply({ services: { users: { recorder: { size: 64 } } } });
    expect(service.flight!.frozen.map(({ reason }) => reason)).toHaveLength(4);
    expect(service.flight!.read().atMs).toEqual([]);
    service.flight!.freeze('reason 6');
    expect(service.flight!.frozen.map(({ reason }) => reason)).toEqual([
      'reason 3',
      'reason 4',
      'reason 5',
      'reason 6',
    ]);
  });

  it('refuses options that it does not have', () => {
    expect(() => world({ size: 10 })).toThrow(/recorder.size is 10: allowed is/);
    expect(() => world({ sise: 100 } as never)).toThrow(/sise/);
  });
});

describe('a flight that is replayed', () => {
  /** One server of four stalls its calls for a while, under a policy that does not see it. */
  const fly = (): Flight => {
    let flown: Service | undefined;
    simulate({
      durationMs: 20_000,
      servers: servers(4, { serviceTime: normal(20, 2) }),
      faults: [{ kind: 'slow', server: 's1', fromMs: 5_000, untilMs: 15_000, serviceTime: normal(800, 20) }],
      arrivals: poisson(100),
      service: { policy: 'round_robin', health: [], recorder: { size: 4_096 } },
      observe: (service) => {
        flown = service;
      },
    });
    return flown!.flight!.read();
  };

  it('is as it was under the policy of then, and better under one that sees what was slow', () => {
    const flight = JSON.parse(JSON.stringify(fly())) as Flight;
    const same = replayFlight(flight, { policy: 'round_robin' });
    const better = replayFlight(flight, { policy: 'peak_ewma' });
    expect(same.replayed.calls).toBe(flight.atMs.length);
    expect(same.recorded.calls).toBe(flight.outcome.filter((each) => each !== -1).length);
    expect(Math.abs(same.replayed.slower(400) / same.recorded.slower(400) - 1)).toBeLessThan(0.15);
    expect(better.replayed.slower(400)).toBeLessThan(same.recorded.slower(400) / 4);
    expect(better.replayed.meanMs).toBeLessThan(same.recorded.meanMs / 2);
  });

  it('sends equal keys where equal keys go', () => {
    const { service, clock } = world(true);
    for (let i = 0; i < 300; i++) {
      service.acquire({ key: `user:${i % 3}` }).done(Outcome.Success);
      clock.advance(10);
    }
    const { replayed } = replayFlight(service.flight!.read(), { policy: 'maglev' });
    expect(replayed.servers.every(({ attempts }) => attempts % 100 === 0)).toBe(true);
  });

  it('fails where the recorded calls failed', () => {
    const { service, clock } = world(true, { health: [] });
    for (let i = 0; i < 600; i++) {
      const lease = service.acquire();
      clock.advance(10);
      lease.done(lease.endpoint.spec.id === 'e1' && i >= 300 ? Outcome.Failure : Outcome.Success);
    }
    const { recorded, replayed } = replayFlight(service.flight!.read(), { policy: 'round_robin' });
    expect(recorded.failed).toBe(100);
    expect(Math.abs(replayed.failed - 100)).toBeLessThan(10);
  });

  it('refuses what is no flight', () => {
    expect(() => replayFlight({} as never, { policy: 'random' })).toThrow(/flight/);
    expect(() => replayFlight(world(true).service.flight!.read(), { policy: 'random' })).toThrow(/call that ended/);
  });
});
