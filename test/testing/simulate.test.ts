import { consecutiveFailures, Outcome } from 'fairlead';
import {
  closedLoop,
  constant,
  constantRate,
  exponential,
  normal,
  poisson,
  type Simulation,
  servers,
  simulate,
} from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

/** One server, a call every 10 ms for a second, each served in 5 ms. */
const base: Simulation = {
  durationMs: 1_000,
  servers: servers(1, { serviceTime: constant(5) }),
  arrivals: constantRate(100),
  service: { health: [] },
};

describe('simulator', () => {
  it('gives the same report for the same seed and another for another', () => {
    const run = (seed: number) =>
      simulate({ ...base, seed, servers: servers(3, { serviceTime: exponential(5) }), arrivals: poisson(500) });
    expect(run(1).meanMs).toBe(run(1).meanMs);
    expect(run(1).meanMs).not.toBe(run(2).meanMs);
  });

  it('answers every call of an unloaded server in its service time', () => {
    const report = simulate(base);
    expect(report.calls).toBe(100);
    expect(report.failed).toBe(0);
    expect(report.percentileMs(0)).toBeCloseTo(5);
    expect(report.percentileMs(1)).toBeCloseTo(5);
  });

  it('lets calls wait where the concurrency is used up: the mean of M/M/1 is 1/(μ-λ)', () => {
    const report = simulate({
      ...base,
      durationMs: 400_000,
      servers: servers(1, { serviceTime: exponential(5), concurrency: 1 }),
      arrivals: poisson(100),
    });
    // μ = 200/s, λ = 100/s: 10 ms. 40,000 calls, correlated over some 4 busy periods each: 3 % is
    // three deviations.
    expect(report.meanMs / 10).toBeGreaterThan(0.97);
    expect(report.meanMs / 10).toBeLessThan(1.03);
  });

  it('refuses as overloaded what the queue has no room for', () => {
    const outcomes: Outcome[] = [];
    const report = simulate({
      ...base,
      servers: servers(1, { serviceTime: constant(25), concurrency: 1, queueLimit: 1 }),
      retry: (failed) => void outcomes.push(failed.outcome),
    });
    expect(report.servers[0]!.maxInflight).toBe(3); // one served, one waiting, one refusal on its way back
    // The server does 40 calls a second out of the 100 that come; one waits when the last has come.
    expect(report.failed).toBe(100 - 41);
    expect(new Set(outcomes)).toEqual(new Set([Outcome.Overloaded]));
  });

  it('holds all work of a stalled server until it goes on', () => {
    const report = simulate({ ...base, faults: [{ kind: 'stall', server: 's0', fromMs: 200, untilMs: 700 }] });
    expect(report.failed).toBe(0);
    // The call that begins with the pause waits all of it.
    expect(report.percentileMs(1)).toBeCloseTo(505);
    expect(report.slower(5.5)).toBe(50);
  });

  it('fails the calls in progress of a killed server at once and refuses new ones until it returns', () => {
    const seen: string[] = [];
    const report = simulate({
      ...base,
      servers: servers(1, { serviceTime: constant(50) }),
      faults: [{ kind: 'kill', server: 's0', fromMs: 305, untilMs: 605 }],
      retry: ({ outcome, elapsedMs }) =>
        void seen.push(`${outcome === Outcome.Failure ? 'lost' : 'refused'} after ${Math.round(elapsedMs)}`),
    });
    expect(seen.filter((each) => each.startsWith('lost'))).toEqual([
      'lost after 45',
      'lost after 35',
      'lost after 25',
      'lost after 15',
      'lost after 5',
    ]);
    expect(seen.filter((each) => each === 'refused after 1')).toHaveLength(30);
    expect(report.failed).toBe(35);
  });

  it('fails the share of calls that a fault says', () => {
    const report = simulate({
      ...base,
      durationMs: 100_000,
      faults: [{ kind: 'fail', server: 's0', fromMs: 0, ratio: 0.3 }],
    });
    // 10,000 draws: a deviation is 0.0046.
    expect(Math.abs(report.failed / report.calls - 0.3)).toBeLessThan(0.015);
  });

  it('hides a server from discovery while a fault says so', () => {
    const report = simulate({
      ...base,
      servers: servers(2, { serviceTime: constant(5) }),
      faults: [{ kind: 'unlist', server: 's1', fromMs: 0, untilMs: 500 }],
      service: { policy: 'round_robin' },
    });
    expect(report.servers.map((server) => server.attempts)).toEqual([75, 25]);
  });

  it('drives the real health signals: ejections are reported with who ejected what, when', () => {
    const report = simulate({
      ...base,
      servers: servers(4, { serviceTime: constant(5) }),
      faults: [{ kind: 'fail', server: 's2', fromMs: 0 }],
      service: { policy: 'round_robin', health: [consecutiveFailures({ failures: 3 })] },
      clients: 2,
    });
    expect(report.ejections.map(({ client, server, signal }) => [client, server, signal])).toEqual([
      [0, 's2', 'consecutive_failures'],
      [1, 's2', 'consecutive_failures'],
    ]);
    expect(report.servers[2]).toMatchObject({ ejections: 2, failures: 6, attempts: 6 });
  });

  it('keeps no more calls open than a closed loop has callers', () => {
    const report = simulate({ ...base, arrivals: closedLoop(7, constant(1)) });
    expect(report.servers[0]!.maxInflight).toBe(7);
    expect(Math.abs(report.calls - 7 * (1_000 / 6))).toBeLessThan(8);
  });

  it('retries elsewhere, hedges with the first answer winning, and gives up at the timeout', () => {
    const stuck: Simulation = {
      ...base,
      servers: servers(2, (index) => ({ serviceTime: constant(index === 0 ? 400 : 5) })),
      service: { policy: 'round_robin', health: [] },
    };
    expect(simulate(stuck).slower(100)).toBe(50);
    const hedged = simulate({ ...stuck, hedgeAfterMs: 20 });
    expect(hedged.percentileMs(1)).toBeCloseTo(25);
    const timed = simulate({ ...stuck, timeoutMs: 100 });
    expect(timed.failed).toBe(50);
    const failing: Simulation = { ...stuck, faults: [{ kind: 'fail', server: 's0', fromMs: 0 }] };
    const retried = simulate({ ...failing, retry: ({ attempt }) => (attempt < 2 ? 10 : undefined) });
    expect(retried.failed).toBe(0);
    expect(retried.percentileMs(1)).toBeCloseTo(1 + 10 + 5);
  });

  it('counts calls without an answer at the end of the drain as failed', () => {
    const report = simulate({ ...base, faults: [{ kind: 'stall', server: 's0', fromMs: 500 }], drainMs: 1_000 });
    expect(report.calls).toBe(100);
    expect(report.failed).toBe(50);
  });

  it('leaves the warm-up out and can look at a part of the time', () => {
    const report = simulate({ ...base, warmupMs: 400 });
    expect(report.calls).toBe(60);
    expect(report.between(400, 500).calls).toBe(10);
  });

  it('refuses what cannot be run, saying why', () => {
    expect(() => simulate({ ...base, servers: [] })).toThrow(/simulation\.servers/);
    expect(() => simulate({ ...base, faults: [{ kind: 'stall', server: 's9', fromMs: 0 }] })).toThrow(/"s9"/);
    expect(() => simulate({ ...base, faults: [{ kind: 'stall', server: 's0', fromMs: 5, untilMs: 5 }] })).toThrow(
      /fromMs/,
    );
    expect(() => simulate({ ...base, arrivals: constantRate(0) })).toThrow(/constantRate/);
    expect(() => simulate({ ...base, servers: servers(1, { serviceTime: normal(-1, 0) }) })).toThrow(/normal mean/);
  });

  const work = { serviceTime: constant(5) };
  it.each<[object, RegExp]>([
    [{ polcy: 'random' }, /simulation\.polcy is not an option/],
    [{ durationMs: undefined }, /simulation\.durationMs is undefined/],
    [{ seed: Number.NaN }, /simulation\.seed is NaN/],
    [{ warmupMs: -1 }, /simulation\.warmupMs is -1/],
    [{ hedgeAfterMs: Number.NaN }, /simulation\.hedgeAfterMs is NaN/],
    [{ retry: 3 }, /simulation\.retry is 3/],
    [{ arrivals: {} }, /simulation\.arrivals is an object: allowed is how calls arrive/],
    [{ arrivals: { gapMs: () => 0 } }, /simulation\.arrivals\.gapMs is 0: allowed is a number above 0/],
    [{ servers: [{}] }, /simulation\.servers\[0\]\.serviceTime is undefined/],
    [{ servers: [{ ...work, concurency: 4 }] }, /simulation\.servers\[0\]\.concurency is not an option/],
    [{ servers: [{ ...work, concurrency: 0 }] }, /simulation\.servers\[0\]\.concurrency is 0/],
    [{ servers: [{ serviceTime: () => Number.NaN }] }, /serviceTime of server 's0' is NaN/],
    [
      {
        servers: [
          { ...work, id: 'a' },
          { ...work, id: 'a' },
        ],
      },
      /servers of different ids/,
    ],
    [{ faults: [{ kind: 'slo', server: 's0', fromMs: 1 }] }, /simulation\.faults\[0\]\.kind is "slo"/],
    [{ faults: [{ kind: 'slow', server: 's0', fromMs: 1 }] }, /simulation\.faults\[0\]\.factor is undefined/],
    [
      { faults: [{ kind: 'fail', server: 's0', fromMs: 1, ratoi: 1 }] },
      /simulation\.faults\[0\]\.ratoi is not an option/,
    ],
    [{ faults: [{ kind: 'fail', server: 's0', fromMs: 1, ratio: 2 }] }, /simulation\.faults\[0\]\.ratio is 2/],
    [{ service: { polcy: 'random' } }, /polcy is not an option/],
  ])('refuses %o', (wrong, message) => {
    expect(() => simulate({ ...base, ...wrong } as never)).toThrow(message);
  });
});
