import { channel } from 'node:diagnostics_channel';
import { type Endpoint, type HealthSignal, Outcome, type ServiceOptions } from 'fairlead';
import { afterEach, describe, expect, it } from 'vitest';
import type { LiveService } from '../../src/service/service.js';
import { endpoints, testMesh } from '../support/mesh.js';

const heard: { outcome: Outcome; latencyMs: number; endpoint: Endpoint }[] = [];
const hear = (message: unknown): void => void heard.push(message as (typeof heard)[0]);
afterEach(() => {
  heard.length = 0;
  channel('fairlead:call').unsubscribe(hear);
});

function start(options: ServiceOptions = {}, count = 1) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin', health: [], ...options }) as LiveService;
  /** One call that takes so long. */
  const call = (ms: number, outcome: Outcome, hadMs?: number): Endpoint => {
    const lease = service.acquire();
    test.clock.advance(ms);
    lease.done(outcome, hadMs);
    return lease.endpoint;
  };
  return { ...test, service, call };
}

/** What a signal is told of each call that was no probe. */
function listener(needsLatency: boolean) {
  const told: (readonly [outcome: Outcome, latencyMs: number])[] = [];
  const signal: HealthSignal = {
    name: 'listener',
    needsLatency,
    create: () => ({
      record: (_endpoint, outcome, latencyMs) => {
        told.push([outcome, latencyMs]);
        return 0;
      },
      probed: () => 0,
      confirmed: () => {},
      forget: () => {},
    }),
  };
  return { signal, told };
}

describe('the end of a call', () => {
  it('is told by a channel, with its time where that is measured', () => {
    channel('fairlead:call').subscribe(hear);
    const plain = start();
    const endpoint = plain.call(50, Outcome.Success);
    expect(heard).toEqual([{ service: 'users', endpoint, outcome: Outcome.Success, latencyMs: Number.NaN }]);
    start({ measureLatency: true }).call(50, Outcome.Failure);
    expect(heard[1]).toMatchObject({ outcome: Outcome.Failure, latencyMs: 50 });
  });

  it('leaves its time for whoever asks next, and none where it is not measured', () => {
    const timed = start({ measureLatency: true });
    expect(timed.service.latestLatencyMs).toBeNaN();
    timed.call(50, Outcome.Success);
    timed.call(20, Outcome.Failure);
    expect(timed.service.latestLatencyMs).toBe(20);
    const plain = start();
    plain.call(50, Outcome.Success);
    expect(plain.service.latestLatencyMs).toBeNaN();
  });

  it('is told to signals with its time only where one of them needs that', () => {
    const [without, needs] = [listener(false), listener(true)];
    start({ measureLatency: true, health: [without.signal] }).call(50, Outcome.Success);
    expect(without.told).toEqual([[Outcome.Success, Number.NaN]]);
    start({ health: [without.signal, needs.signal] }).call(50, Outcome.Success);
    expect(needs.told).toEqual([[Outcome.Success, 50]]);
  });

  it('counts among the figures while they are read, as it ended, and with its time where it has one', () => {
    const { service, call } = start();
    call(10, Outcome.Success);
    const early = service.acquire();
    service.measure(true);
    early.done(Outcome.Success);
    call(30, Outcome.Failure);
    service.measure(false);
    call(40, Outcome.Failure);
    expect(service.meter.total.calls).toBe(2);
    // The first began before times were measured.
    expect([...service.meter.total.timed]).toEqual([30_000, 1]);
    expect(service.meter.latency(Outcome.Failure)).toMatchObject({ count: 1 });
  });

  it('is written down by the recorder, as it counts', () => {
    const { service, call } = start({ recorder: true });
    service.acquire();
    call(30, Outcome.Success);
    call(5, Outcome.Timeout);
    expect(service.flight!.read()).toMatchObject({
      outcome: [-1, Outcome.Success, Outcome.Cancelled],
      latencyMs: [-1, 30, 5],
    });
  });

  it('of one that began before the recorder is not in it', async () => {
    const { service, clock } = start();
    const lease = service.acquire();
    clock.advance(5);
    service.swap({
      given: {},
      options: { ...service.options, recorder: { size: 64, every: 1 } },
      resolver: service.resolver,
      policy: undefined,
      sticky: undefined,
      feed: undefined,
    });
    service.settle();
    lease.done(Outcome.Success);
    expect(service.flight!.read().outcome).toEqual([]);
  });
});

describe('a timeout', () => {
  it('that is too soon is one to figures, and says nothing of its endpoint', () => {
    channel('fairlead:call').subscribe(hear);
    const { signal, told } = listener(false);
    const { service, call } = start({ measureLatency: true, health: [signal] });
    service.measure(true);
    const endpoint = call(20, Outcome.Timeout);
    expect([endpoint.failures, endpoint.failureRatio]).toEqual([0, 0]);
    expect(told).toEqual([[Outcome.Cancelled, Number.NaN]]);
    expect(heard.map(({ outcome }) => outcome)).toEqual([Outcome.Timeout]);
    expect(service.meter.latency(Outcome.Timeout)).toMatchObject({ count: 1 });
    expect(service.meter.latency(Outcome.Cancelled)).toBeUndefined();
    call(50, Outcome.Timeout);
    expect(endpoint.failures).toBe(1);
  });

  it('is judged by the time that the caller says it had', () => {
    const { call } = start({ measureLatency: true });
    expect(call(60, Outcome.Timeout, 20).failures).toBe(0);
    expect(call(1, Outcome.Timeout, 50).failures).toBe(1);
  });

  it('that is not timed counts, unless its caller says that it had no time; the next ones are timed', () => {
    const { service, call } = start();
    expect(service.timed).toBe(false);
    expect(call(1, Outcome.Timeout, 3).failures).toBe(0);
    expect(service.timed).toBe(true);
    const other = start();
    expect(other.call(1, Outcome.Timeout).failures).toBe(1);
    // Timed by now: so short a wait is no wait, and was of one that ended before.
    expect(other.call(0, Outcome.Timeout).failures).toBe(2);
    expect(other.call(3, Outcome.Timeout).failures).toBe(2);
  });

  it('is judged by how long answers take, of which failures are none', () => {
    const slow = start({ measureLatency: true });
    for (let i = 0; i < 60; i++) slow.call(200, i % 2 === 0 ? Outcome.Success : Outcome.ApplicationError);
    expect(slow.call(100, Outcome.Timeout).failures).toBe(0);
    expect(slow.call(300, Outcome.Timeout).failures).toBe(1);
    const failing = start({ measureLatency: true });
    for (let i = 0; i < 60; i++) failing.call(200, Outcome.Overloaded);
    expect(failing.call(100, Outcome.Timeout).failures).toBe(1);
  });
});

describe('the end of a call at an endpoint that was withdrawn', () => {
  const without = (id: string) => endpoints(3).filter((each) => (each as { id: string }).id !== id);

  it('is the end of what is kept of it, where it was the last', () => {
    const { service, resolver } = start({}, 3);
    const [one, other] = [service.acquire({ prefer: 'e1' }), service.acquire({ prefer: 'e1' })];
    resolver.update('users', without('e1'));
    const { members } = service.inner;
    one.done(Outcome.Success);
    expect([...members.draining]).toEqual([other.endpoint]);
    other.done(Outcome.Failure);
    expect(members.draining.size).toBe(0);
  });

  it.each([
    [Outcome.Success, 'stay'],
    [Outcome.Cancelled, 'stay'],
    [Outcome.Overloaded, 'stay'],
    [Outcome.Failure, 'move'],
    [Outcome.ConnectFailure, 'move'],
  ])('by outcome %i lets its sessions %s', (outcome, what) => {
    const { service, resolver } = start({ affinity: { drainMs: 60_000 } }, 3);
    const lease = service.acquire({ key: 'ada' });
    const home = lease.endpoint.spec.id;
    resolver.update('users', without(home));
    lease.done(outcome);
    expect(service.acquire({ key: 'ada' }).endpoint.spec.id === home).toBe(what === 'stay');
  });
});
