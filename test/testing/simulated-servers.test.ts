import { Outcome } from 'fairlead';
import {
  closedLoop,
  constant,
  constantRate,
  poisson,
  type Simulation,
  servers,
  simulate,
  uniform,
  varyingPoisson,
} from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

/** One server, a call every 10 ms for a second, each served in 5 ms. */
const base: Simulation = {
  durationMs: 1_000,
  servers: servers(1, { serviceTime: constant(5) }),
  arrivals: constantRate(100),
  service: { health: [], policy: 'round_robin' },
};

/** What each call that began at these times took, rounded; failed ones take for ever. */
const took = (simulation: Simulation, ...beganMs: number[]): number[] => {
  const report = simulate(simulation);
  return beganMs.map((atMs) => Math.round(report.between(atMs - 1, atMs + 1).percentileMs(1)));
};

describe('a simulated server', () => {
  it('serves in the order in which calls came, and as many at once as it may', () => {
    const burst = (concurrency: number): Simulation => ({
      ...base,
      durationMs: 40,
      servers: servers(1, { serviceTime: constant(100), concurrency }),
    });
    expect(took(burst(1), 0, 10, 20, 30)).toEqual([100, 190, 280, 370]);
    expect(took(burst(2), 0, 10, 20, 30)).toEqual([100, 100, 180, 180]);
    expect(took(burst(4), 0, 10, 20, 30)).toEqual([100, 100, 100, 100]);
  });

  it('does not begin what its caller gave up, and goes on with what it had begun', () => {
    const report = simulate({
      ...base,
      durationMs: 60,
      servers: servers(1, { serviceTime: constant(35), concurrency: 1 }),
      timeoutMs: 40,
    });
    // Of 0 … 50 the first is served by 35, the second (10) would be by 70 and is given up at 50, in
    // work; the third (20) at 60, unbegun; that of 30 is begun at 70 exactly, as it is given up.
    expect(report.between(-1, 1).failed).toBe(0);
    expect(report.between(9, 31).failed).toBe(3);
    expect(report.calls).toBe(6);
  });

  it('takes longer while a fault says so: so long, or so many times as long', () => {
    const slow = (fault: object): Simulation => ({
      ...base,
      faults: [{ kind: 'slow', server: 's0', fromMs: 200, untilMs: 400, ...fault } as never],
    });
    expect(took(slow({ factor: 3 }), 190, 200, 390, 400)).toEqual([5, 15, 15, 5]);
    expect(took(slow({ serviceTime: constant(40) }), 190, 200, 390, 400)).toEqual([5, 40, 40, 5]);
    expect(took(slow({ serviceTime: constant(40), factor: 2 }), 190, 200, 390, 400)).toEqual([5, 80, 80, 5]);
  });

  it('stands still for each pause that its work meets, also for one that a pause pushed it into', () => {
    const stalled: Simulation = {
      ...base,
      faults: [
        { kind: 'stall', server: 's0', fromMs: 404, untilMs: 500 },
        { kind: 'stall', server: 's0', fromMs: 301, untilMs: 320 },
        { kind: 'stall', server: 's0', fromMs: 202, untilMs: 300 },
      ],
    };
    // That of 200 has worked for 2 ms, then stands until 300, works for 1 ms, and stands until 320.
    expect(took(stalled, 190, 200, 210, 310, 390, 400, 500)).toEqual([5, 122, 114, 15, 5, 101, 5]);
  });

  it('fails calls as late and by the outcome that a fault says', () => {
    const seen: string[] = [];
    simulate({
      ...base,
      durationMs: 300,
      faults: [
        { kind: 'fail', server: 's0', fromMs: 100, untilMs: 110 },
        { kind: 'fail', server: 's0', fromMs: 200, untilMs: 210, after: constant(7), outcome: Outcome.Overloaded },
      ],
      retry: ({ attempt, outcome, elapsedMs, endpoint }) =>
        void seen.push(`${endpoint.spec.id} ${attempt} ${outcome} ${Math.round(elapsedMs)}`),
    });
    expect(seen).toEqual([`s0 1 ${Outcome.Failure} 1`, `s0 1 ${Outcome.Overloaded} 7`]);
  });

  it('is back when the last of the faults that killed it is over', () => {
    const killed: Simulation = {
      ...base,
      faults: [
        { kind: 'kill', server: ['s0'], fromMs: 200, untilMs: 400 },
        { kind: 'kill', server: 's0', fromMs: 300, untilMs: 500 },
      ],
    };
    expect(took(killed, 190, 210, 410, 490, 510)).toEqual([5, Infinity, Infinity, Infinity, 5]);
  });

  it('is hidden for as long as a fault says, whichever of several it is', () => {
    const report = simulate({
      ...base,
      servers: servers(3, { serviceTime: constant(5) }),
      faults: [
        { kind: 'unlist', server: ['s1', 's2'], fromMs: 0, untilMs: 200 },
        { kind: 'unlist', server: 's0', fromMs: 500 },
      ],
    });
    expect(report.between(0, 1_000).calls).toBe(100);
    // 20 calls of the first 200 ms are its own, 10 of the next 300 ms, none later.
    expect(report.servers.map(({ attempts }) => attempts)).toEqual([30, 35, 35]);
  });
});

describe('a report of a simulation', () => {
  const report = simulate({
    ...base,
    faults: [
      { kind: 'fail', server: 's0', fromMs: 0, untilMs: 100 },
      { kind: 'slow', server: 's0', fromMs: 500, factor: 4 },
    ],
  });

  it('counts what was answered within a time, and what was slower or failed', () => {
    // 10 failed, 40 took 5 ms, 50 took 20 ms.
    expect([report.calls, report.failed]).toEqual([100, 10]);
    expect(report.successRatio()).toBeCloseTo(0.9, 12);
    expect(report.successRatio(10)).toBeCloseTo(0.4, 12);
    expect([report.slower(4), report.slower(10), report.slower(30)]).toEqual([100, 60, 10]);
    expect(report.meanMs).toBeCloseTo((40 * 5 + 50 * 20) / 90);
  });

  it('has percentiles of all calls, the failed ones last', () => {
    const shares = [0, 0.4, 0.41, 0.9, 0.91, 1].map((share) => Math.round(report.percentileMs(share)));
    expect(shares).toEqual([5, 5, 20, 20, Infinity, Infinity]);
    expect(report.between(2_000, 3_000).percentileMs(0.5)).toBeNaN();
  });

  it('of a part of the time has the calls that began then', () => {
    const part = report.between(100, 500);
    expect([part.calls, part.failed]).toEqual([40, 0]);
    expect(part.meanMs).toBeCloseTo(5);
    expect(part.servers).toBe(report.servers);
    expect(part.between(400, 700).calls).toBe(10);
  });

  it('leaves out of its attempts and failures what ended before the warm-up did', () => {
    const warmed = simulate({
      ...base,
      warmupMs: 495,
      faults: [{ kind: 'fail', server: 's0', fromMs: 0, untilMs: 600 }],
    });
    expect(warmed.servers[0]).toMatchObject({ attempts: 50, failures: 10, share: 1 });
    expect([warmed.calls, warmed.failed]).toEqual([50, 10]);
  });
});

describe('calls of a simulation', () => {
  it('come at the rate of the moment', () => {
    const report = simulate({
      ...base,
      durationMs: 20_000,
      arrivals: varyingPoisson((nowMs) => (nowMs < 10_000 ? 50 : 200)),
    });
    // Poisson: three deviations are 67 of 500, and 134 of 2,000.
    expect(Math.abs(report.between(0, 10_000).calls - 500)).toBeLessThan(67);
    expect(Math.abs(report.between(10_000, 20_000).calls - 2_000)).toBeLessThan(134);
  });

  it('of a closed loop begin after a pause of each caller', () => {
    const report = simulate({ ...base, arrivals: closedLoop(2, uniform(20, 20)) });
    // A round is 20 ms of pause and 5 ms of work.
    expect(report.calls).toBe(2 * 40);
    expect(report.between(0, 19).calls).toBe(0);
    expect(() => closedLoop(0)).toThrow(/^closedLoop is 0/);
  });

  it('of a closed loop go on where they take no time, by a millisecond each', () => {
    const unlisted = { kind: 'unlist', server: 's0', fromMs: 0, untilMs: 500 } as const;
    const none = simulate({ ...base, arrivals: closedLoop(1), faults: [unlisted] });
    expect([none.between(0, 499.5).calls, none.between(0, 499.5).failed]).toEqual([500, 500]);
    expect(none.between(500, 1_000)).toMatchObject({ calls: 100, failed: 0 });
    const atOnce = simulate({ ...base, arrivals: closedLoop(1), servers: servers(1, { serviceTime: constant(0) }) });
    expect([atOnce.calls, atOnce.failed]).toEqual([1_000, 0]);
  });

  it('come as close together as the clock can tell apart, and no closer', () => {
    const none = { float: () => 0, below: () => 0 };
    for (const arrivals of [poisson(1_000_000), varyingPoisson(() => 1_000_000)])
      expect(arrivals.gapMs(none, 0)).toBe(1e-9);
    const close = simulate({ ...base, durationMs: 5e-9, arrivals: { gapMs: () => 1e-15 } });
    expect(close.calls).toBe(5);
  });

  it.each<[object, RegExp]>([
    [{ arrivals: { gapMs: () => -1 } }, /gapMs is -1: allowed is a number above 0/],
    [{ arrivals: { gapMs: () => Number.POSITIVE_INFINITY } }, /gapMs is Infinity: allowed is a number above 0/],
    [{ arrivals: closedLoop(1, () => -1) }, /thinkMs is -1: allowed is a number from 0/],
    [
      { faults: [{ kind: 'fail', server: 's0', fromMs: 0, after: () => Number.NaN }] },
      /after of a fault of server 's0' is NaN: allowed is a number from 0/,
    ],
    [
      { faults: [{ kind: 'fail', server: 's0', fromMs: 0 }], retry: () => Number.NaN },
      /simulation\.retry\(\) is NaN: allowed is a number from 0/,
    ],
  ])('take no time that is none: %o', (wrong, message) => {
    expect(() => simulate({ ...base, ...wrong })).toThrow(message);
  });

  it('have a key each, where keys are asked for, and every client its own service', () => {
    let keys = 0;
    const clients: string[] = [];
    const report = simulate({
      ...base,
      servers: servers(4, { serviceTime: constant(5) }),
      service: { policy: 'maglev', health: [] },
      clients: 2,
      key: () => {
        keys++;
        return 'ada';
      },
      observe: (service, client) => void clients.push(`${client} ${service.name}`),
    });
    expect([report.calls, keys]).toEqual([200, 200]);
    expect(clients).toEqual(['0 simulated', '1 simulated']);
    expect(report.servers.map(({ share }) => share).sort()).toEqual([0, 0, 0, 1]);
  });
});
