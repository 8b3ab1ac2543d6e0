import { type Flight, Outcome } from 'fairlead';
import { replayFlight } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

interface Call {
  readonly to: number;
  readonly atMs: number;
  readonly tookMs?: number;
  readonly outcome?: Outcome;
}

/** What a recorder would have read of these calls, in the order of their times. */
function flightOf(servers: number, calls: readonly Call[]): Flight {
  const { mesh } = testMesh({ users: endpoints(servers) });
  const service = mesh.service('users', { recorder: true });
  const idle = calls.map(() => 0);
  return {
    ...service.flight!.read(),
    fromMs: 0,
    endpoints: service.endpoints.map(({ spec: { id, weight, zone, priority } }) => ({ id, weight, zone, priority })),
    atMs: calls.map(({ atMs }) => atMs),
    endpoint: calls.map(({ to }) => to),
    outcome: calls.map(({ outcome = Outcome.Success }) => outcome),
    latencyMs: calls.map(({ tookMs = 10 }) => tookMs),
    ...{ by: idle, inflight: idle, ewmaMs: idle, weight: idle, ready: idle, key: idle },
  };
}

const every = (count: number, gapMs: number, call: (i: number) => Omit<Call, 'atMs'>): Call[] =>
  Array.from({ length: count }, (_, i) => ({ atMs: i * gapMs, ...call(i) }));

const UNENDED = -1 as Outcome;

describe('a flight that is replayed', () => {
  it('makes all calls of one moment', () => {
    const flight = flightOf(
      2,
      every(20, 10, (i) => ({ to: i % 2 })).flatMap((call) => [call, call, call]),
    );
    const { replayed } = replayFlight(flight, { policy: 'round_robin' });
    expect(replayed.calls).toBe(60);
    expect(replayed.between(100, 100.1).calls).toBe(3);
  });

  it('fails all calls of an endpoint that failed all it had, whatever the others answered', () => {
    const calls = every(400, 10, (i) => ({ to: i % 4, outcome: i % 4 === 0 ? Outcome.Failure : Outcome.Success }));
    const { replayed } = replayFlight(flightOf(4, calls), { policy: 'round_robin' });
    expect(replayed.servers.map(({ failures }) => failures)).toEqual([100, 0, 0, 0]);
  });

  it('fails calls as often, as late and in the seconds that the endpoint did', () => {
    const calls = every(1_000, 10, (i) =>
      i >= 500 && i % 2 === 0 ? { to: 0, outcome: Outcome.Failure, tookMs: 70 } : { to: 0 },
    );
    const seen: [outcome: Outcome, tookMs: number][] = [];
    const { replayed } = replayFlight(flightOf(1, calls), {
      policy: {
        name: 'listening',
        needsLatency: true,
        create: () => {
          let ready: readonly never[] = [];
          return {
            update: (rotation) => {
              ready = rotation.ready as never;
            },
            pick: () => ready[0]!,
            observe: (_, outcome, latencyMs) => seen.push([outcome, Math.round(latencyMs)]),
          };
        },
      },
    });
    const failed = seen.filter(([outcome]) => outcome === Outcome.Failure);
    expect(new Set(failed.map(([, tookMs]) => tookMs))).toEqual(new Set([70]));
    expect(replayed.between(0, 5_000).failed).toBe(0);
    // 500 draws of a half: three deviations are 34.
    expect(Math.abs(replayed.between(5_000, 10_000).failed - 250)).toBeLessThan(34);
  });

  it('answers each call as the endpoint answered others about that time', () => {
    const calls = every(1_000, 10, (i) => ({ to: i % 2, tookMs: i % 2 === 1 ? 5 : i < 500 ? 20 : 200 }));
    const { replayed } = replayFlight(flightOf(2, calls), { policy: 'round_robin' });
    const took = (fromMs: number, untilMs: number, share: number): number =>
      replayed.between(fromMs, untilMs).percentileMs(share);
    expect([took(0, 4_900, 0.25), took(0, 4_900, 1)].map(Math.round)).toEqual([5, 20]);
    expect([took(5_100, 10_000, 0.25), took(5_100, 10_000, 0.75)].map(Math.round)).toEqual([5, 200]);
  });

  it('lets an endpoint without a call of its own answer as the others do', () => {
    const calls = every(200, 10, () => ({ to: 0, tookMs: 30 }));
    const { replayed } = replayFlight(flightOf(2, calls), { policy: 'round_robin' });
    expect(replayed.servers.map(({ share }) => share)).toEqual([0.5, 0.5]);
    expect(replayed.meanMs).toBeCloseTo(30);
  });

  it('may be long, beside an endpoint without a call: only the policy is refused', () => {
    const flight = flightOf(
      2,
      every(150_000, 1, () => ({ to: 0 })),
    );
    expect(() => replayFlight(flight, { policy: 'fastest' as never })).toThrow(/"fastest": allowed is one of/);
  });

  it('says of the recorded calls what became of them, without those that were given up or had no end', () => {
    const calls = [
      { to: 0, atMs: 0, tookMs: 10 },
      { to: 0, atMs: 5, tookMs: 500, outcome: Outcome.Cancelled },
      { to: 0, atMs: 10, tookMs: 30, outcome: Outcome.ApplicationError },
      { to: 1, atMs: 20, tookMs: 1, outcome: Outcome.Overloaded },
      { to: 1, atMs: 30, tookMs: -1, outcome: UNENDED },
      { to: 0, atMs: 40, tookMs: 20 },
    ];
    const { recorded, replayed } = replayFlight(flightOf(2, calls), { policy: 'round_robin' });
    expect(recorded).toMatchObject({ calls: 4, failed: 1, meanMs: 20 });
    expect(recorded.servers).toEqual([
      { id: 'e0', attempts: 3, share: 0.75, failures: 0, maxInflight: 0, ejections: 0 },
      { id: 'e1', attempts: 1, share: 0.25, failures: 1, maxInflight: 0, ejections: 0 },
    ]);
    expect(replayed.calls).toBe(6);
  });

  it('answers within a millisecond where nothing of it was answered at all', () => {
    const flight = flightOf(2, [{ to: 0, atMs: 0, outcome: Outcome.Cancelled }]);
    const { replayed } = replayFlight(flight, { policy: 'round_robin' });
    expect(replayed).toMatchObject({ calls: 1, failed: 0, meanMs: 1 });
  });
});
