import { Outcome } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import type { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';
import { FlightRecorder } from '../../src/telemetry/flight-recorder.js';

interface FakeEndpoint {
  readonly spec: { readonly id: string };
  readonly ordinal: number;
  latencyMs: number;
}

const endpoint = (ordinal: number, id = `e${ordinal}`): LiveEndpoint & FakeEndpoint =>
  ({ spec: { id, weight: 1, zone: '', priority: 0 }, ordinal, inflight: 1, latencyMs: Number.NaN, weight: 1 }) as never;

function world(size = 8) {
  const clock = new ManualClock();
  const recorder = new FlightRecorder('users', () => 'random', clock, 7, { size, every: 1 });
  const decide = (each: LiveEndpoint, tick: number, key?: string | Uint8Array) => {
    recorder.atMs[0] = clock.now();
    recorder.decided(each, tick, 0, key, 1);
  };
  const read = () => {
    const flight = recorder.read();
    return { ...flight, ids: flight.endpoint.map((index) => flight.endpoints[index]!.id) };
  };
  return { clock, recorder, decide, read };
}

describe('a recorded flight', () => {
  it('is empty before the first call', () => {
    expect(world().read()).toMatchObject({ fromMs: null, atMs: [], endpoints: [], outcome: [] });
  });

  it('has one hash for a key, as text and as bytes, and none where there is no key', () => {
    const { decide, read } = world();
    const e0 = endpoint(0);
    for (const key of ['ada', new TextEncoder().encode('ada'), 'bob', undefined, 'ada']) decide(e0, 1, key);
    const [text, bytes, other, none, again] = read().key;
    expect([bytes, again, none]).toEqual([text, text, 0]);
    expect(other).not.toBe(text);
  });

  it('has estimates to the microsecond, and -1 for what is not known; an end at once took none', () => {
    const { recorder, decide, read } = world();
    const e0 = endpoint(0);
    decide(e0, 1);
    e0.latencyMs = 1.5;
    decide(e0, 2);
    recorder.ended(e0, 2, Outcome.Success, 0);
    expect(read()).toMatchObject({ ewmaMs: [-1, 1.5], latencyMs: [-1, 0], outcome: [-1, Outcome.Success] });
  });

  it('has an end for the latest call of its moment that has none yet', () => {
    const { recorder, decide, read } = world();
    const e0 = endpoint(0);
    for (const tick of [5, 5, 6]) decide(e0, tick);
    recorder.ended(e0, 5, Outcome.Failure, 10);
    expect(read().outcome).toEqual([-1, Outcome.Failure, -1]);
    recorder.ended(e0, 5, Outcome.Success, 10);
    recorder.ended(e0, 5, Outcome.Timeout, 10);
    expect(read().outcome).toEqual([Outcome.Success, Outcome.Failure, -1]);
  });

  it('has no end of a call that is not in it, nor of an endpoint that it does not know', () => {
    const { recorder, decide, read } = world(4);
    const e0 = endpoint(0);
    decide(e0, 1);
    for (let tick = 2; tick <= 5; tick++) decide(endpoint(1), tick);
    recorder.ended(e0, 1, Outcome.Failure, 10);
    recorder.ended(endpoint(63), 5, Outcome.Failure, 10);
    recorder.ended(endpoint(64), 5, Outcome.Failure, 10);
    recorder.ended(endpoint(900), 5, Outcome.Failure, 10);
    // One that took the place of another does not end its calls.
    recorder.ended(endpoint(1, 'new'), 5, Outcome.Failure, 10);
    expect(read()).toMatchObject({ outcome: [-1, -1, -1, -1], ids: ['e1', 'e1', 'e1', 'e1'] });
  });

  it('looks for the beginning of a call among the last 256 of its endpoint, and no further', () => {
    const { recorder, decide, read } = world(1_024);
    const e0 = endpoint(0);
    for (let tick = 1; tick <= 300; tick++) decide(e0, tick);
    recorder.ended(e0, 300 - 255, Outcome.Success, 1);
    recorder.ended(e0, 300 - 256, Outcome.Success, 1);
    expect(read().outcome.flatMap((each, i) => (each === -1 ? [] : [i + 1]))).toEqual([45]);
  });

  it('knows endpoints by numbers of any size, and those that take them over', () => {
    const { recorder, decide, read } = world(16);
    const all = [0, 63, 64, 65, 1_000, 200].map((ordinal) => endpoint(ordinal));
    for (const [tick, each] of all.entries()) decide(each, tick);
    for (const [tick, each] of all.entries()) recorder.ended(each, tick, Outcome.Success, tick);
    const next = endpoint(64, 'next');
    decide(next, 9);
    decide(all[2]!, 10);
    recorder.ended(all[2]!, 10, Outcome.Failure, 1);
    const { ids, outcome, endpoints } = read();
    expect(ids).toEqual(['e0', 'e63', 'e64', 'e65', 'e1000', 'e200', 'next', 'e64']);
    expect(outcome).toEqual([...Array(6).fill(Outcome.Success), -1, Outcome.Failure]);
    // One that came back has its place still.
    expect(endpoints).toHaveLength(7);
  });

  it.each([4, 32_768])('forgets endpoints that none of its calls went to, past ten thousand (of %i calls)', (size) => {
    const { recorder, decide, read } = world(size);
    for (let i = 0; i < 10_000; i++) decide(endpoint(i % 100, `gen${i}`), i);
    const last = endpoint(50, 'last');
    decide(last, 10_000);
    recorder.ended(last, 10_000, Outcome.Success, 1);
    decide(endpoint(51, 'more'), 10_001);
    const { ids, endpoints, outcome } = read();
    expect(endpoints).toHaveLength(size === 4 ? 6 : 10_002);
    expect(ids.slice(-4)).toEqual(['gen9998', 'gen9999', 'last', 'more']);
    expect(outcome.slice(-4)).toEqual([-1, -1, Outcome.Success, -1]);
  });
});
