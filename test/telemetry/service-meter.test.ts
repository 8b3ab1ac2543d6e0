import { Outcome } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { Extra } from '../../src/endpoint/call-meter.js';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { ServiceMeter } from '../../src/telemetry/service-meter.js';

/** What a meter knows of one. */
interface FakeEndpoint {
  state: 'ready' | 'draining';
  inflight: number;
}

const endpoint = () => ({ state: 'ready', inflight: 0, meter: undefined }) as unknown as FakeEndpoint & LiveEndpoint;

function world(on = true) {
  const clock = new ManualClock(1_000);
  const meter = new ServiceMeter(clock);
  meter.turn(on);
  return { clock, meter };
}

describe('the meter of a service', () => {
  it('counts calls for all, for each outcome and each endpoint; those without a time as calls alone', () => {
    const { meter } = world();
    const [a, b] = [endpoint(), endpoint()];
    meter.record(a, Outcome.Success, 1_000);
    meter.record(a, Outcome.Failure, 3_000);
    meter.record(b, Outcome.Success, -1);
    meter.record(b, Outcome.Success, 0);
    expect(meter.total.calls).toBe(4);
    expect([a.meter!.calls, b.meter!.calls]).toEqual([2, 2]);
    expect([...meter.total.timed]).toEqual([4_000, 3]);
    expect([...b.meter!.timed]).toEqual([0, 1]);
    expect(meter.latency(Outcome.Success)).toMatchObject({ count: 2 });
    expect(meter.latency(Outcome.Failure)).toMatchObject({ count: 1 });
    expect(meter.latency(Outcome.Timeout)).toBeUndefined();
    expect([...meter.endpoints.keys()]).toEqual([a, b]);
  });

  it('tells a first attempt, a retry and a hedge, and counts refusals and bytes', () => {
    const { meter } = world();
    const each = endpoint();
    meter.granted(each, [], undefined);
    expect(meter.endpoints.size).toBe(0);
    meter.granted(each, [1], undefined);
    meter.granted(each, [1, 2], false);
    for (let hedge = 0; hedge < 3; hedge++) meter.granted(each, [1], true);
    meter.refused(each);
    meter.refused(each);
    meter.bytes(each, 10, 20);
    meter.bytes(each, 1, 2);
    const { extras } = each.meter!;
    expect([extras[Extra.retries], extras[Extra.hedges], extras[Extra.refused]]).toEqual([2, 3, 2]);
    expect([extras[Extra.sentBytes], extras[Extra.receivedBytes]]).toEqual([11, 22]);
    expect(each.meter!.calls).toBe(0);
  });

  it('counts none of that before it is on, nor once it is off', () => {
    const { meter } = world(false);
    const each = endpoint();
    expect([meter.on, meter.sinceMs, meter.windows]).toEqual([false, Number.NaN, undefined]);
    meter.granted(each, [1], true);
    meter.refused(each);
    expect(each.meter).toBeUndefined();
    meter.turn(true);
    meter.refused(each);
    meter.turn(false);
    meter.refused(each);
    expect(each.meter!.extras[Extra.refused]).toBe(1);
  });

  it('says since when it is on, has one timer while it is, and goes on where it was', () => {
    const { clock, meter } = world();
    expect([meter.sinceMs, clock.pending]).toEqual([1_000, 1]);
    clock.advance(250);
    meter.turn(true);
    expect([meter.sinceMs, clock.pending]).toEqual([1_000, 1]);
    const each = endpoint();
    meter.record(each, Outcome.Success, 5);
    meter.turn(false);
    expect(clock.pending).toBe(0);
    clock.advance(1_000);
    meter.turn(true);
    expect([meter.sinceMs, meter.total.calls]).toEqual([2_250, 1]);
    // What was before it was on again is not of the last second.
    expect(meter.windows!.isIdle('last1s')).toBe(true);
    expect(meter.endpoints.get(each)!.windows.isIdle('last1m')).toBe(true);
  });

  it('lets the windows of the service and of its endpoints go on every half second', () => {
    const { clock, meter } = world();
    const each = endpoint();
    meter.record(each, Outcome.Success, 5);
    const both = () => [meter.windows!, meter.endpoints.get(each)!.windows];
    expect(both().map((windows) => windows.isIdle('last1s'))).toEqual([false, false]);
    clock.advance(500);
    expect(both().map((windows) => windows.isIdle('last1s'))).toEqual([false, false]);
    clock.advance(500);
    expect(both().map((windows) => windows.isIdle('last1s'))).toEqual([true, true]);
    expect(both().map((windows) => windows.isIdle('last10s'))).toEqual([false, false]);
    clock.advance(9_000);
    expect(both().map((windows) => windows.isIdle('last10s'))).toEqual([true, true]);
    expect(both().map((windows) => windows.isIdle('last1m'))).toEqual([false, false]);
    clock.advance(50_000);
    expect(both().map((windows) => windows.isIdle('last1m'))).toEqual([true, true]);
  });

  it('shows an endpoint that left for five minutes after it is idle, and keeps what it did in the whole', () => {
    const { clock, meter } = world();
    const gone = endpoint();
    meter.record(gone, Outcome.Success, 5);
    gone.inflight = 1;
    gone.state = 'draining';
    clock.advance(400_000);
    expect(meter.endpoints.has(gone)).toBe(true);
    gone.inflight = 0;
    clock.advance(500);
    clock.advance(299_999);
    expect(meter.endpoints.has(gone)).toBe(true);
    // It came back, and leaves again: five minutes more.
    gone.state = 'ready';
    clock.advance(500);
    gone.state = 'draining';
    clock.advance(500);
    clock.advance(299_500);
    expect(meter.endpoints.has(gone)).toBe(true);
    clock.advance(500);
    expect(meter.endpoints.has(gone)).toBe(false);
    expect([gone.meter, meter.total.calls]).toEqual([undefined, 1]);
  });

  it('shows one that is there for ever, and forgets when it is read as well as by its timer', () => {
    const { clock, meter } = world();
    const [here, gone] = [endpoint(), endpoint()];
    for (const each of [here, gone]) meter.record(each, Outcome.Success, 5);
    meter.turn(false);
    gone.state = 'draining';
    expect(meter.endpoints.size).toBe(2);
    clock.advance(300_000);
    expect([...meter.endpoints.keys()]).toEqual([here]);
  });

  it('has one meter of operations for each protocol', () => {
    const { meter } = world();
    const grpc = meter.operationsOf('grpc');
    expect(meter.operationsOf('grpc')).toBe(grpc);
    expect(meter.operationsOf('redis')).not.toBe(grpc);
    expect([...meter.operations].map(({ system }) => system)).toEqual(['grpc', 'redis']);
  });
});
