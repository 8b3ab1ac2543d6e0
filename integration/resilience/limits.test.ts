import type { FairleadError } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { get, load, startFleet } from './support.js';

const codes = (errors: readonly unknown[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const error of errors) {
    const code = String((error as FairleadError).code ?? (error as { status?: number }).status);
    counts[code] = (counts[code] ?? 0) + 1;
  }
  return counts;
};

describe('a server that becomes slow under many calls at once', () => {
  it('is given fewer by a limit that finds itself, and none of them fails', async () => {
    const means: number[] = [];
    for (const adaptive of [undefined, { initial: 50, min: 2, max: 100 }]) {
      await using fleet = await startFleet(1, {
        health: [],
        resilience: adaptive === undefined ? {} : { limits: { adaptive, maxPending: 1_000 } },
      });
      let began = 0;
      let atWork = 0;
      let sum = 0;
      let samples = 0;
      const call = () =>
        fleet.service.call(async (endpoint, signal) => {
          atWork++;
          // From when the limit has had some answers of the slow server to learn from.
          if (++began > 650) {
            sum += atWork;
            samples++;
          }
          try {
            return await get(endpoint, signal);
          } finally {
            atWork--;
          }
        });
      const half = () => fleet.servers[0]!.mode('queue');
      const report = await load(call, { calls: 1_000, concurrency: 60, half });
      expect(report.failed).toBe(0);
      means.push(sum / samples);
    }
    expect(means[0]).toBeGreaterThan(50);
    expect(means[1]).toBeLessThan(means[0]! * 0.7);
  });
});

describe('two servers', () => {
  it('are sent no more at once than maxInflightPerEndpoint, and the rest waits its turn', async () => {
    await using fleet = await startFleet(2, {
      resilience: { limits: { maxInflightPerEndpoint: 3, maxPending: 1_000 } },
    });
    let most = 0;
    const report = await load(
      () =>
        fleet.service.call((endpoint, signal) => {
          most = Math.max(most, endpoint.inflight);
          return get(endpoint, signal);
        }),
      { calls: 1_000, concurrency: 50 },
    );
    expect([report.failed, most]).toEqual([0, 3]);
    expect((await fleet.servers[0]!.seen()) + (await fleet.servers[1]!.seen())).toBe(1_000);
  });
});

describe('a server that turns most calls away', () => {
  it('is spared them by throttling: few more are sent than it accepts', async () => {
    await using fleet = await startFleet(1, { health: [], resilience: { retry: false, throttle: { ratio: 2 } } });
    await fleet.servers[0]!.mode('limited');
    const report = await load(() => fleet.service.call(get), { calls: 2_000, concurrency: 20 });
    const { 429: sent = 0, FAIRLEAD_THROTTLED: kept = 0 } = codes(report.errors);
    expect(sent + kept).toBe(2_000);
    expect(await fleet.servers[0]!.seen()).toBe(sent);
    // Nothing is accepted: what passes is ten at first, the twenty at work, and a trickle of 1 /
    // (requests + 1).
    expect(sent).toBeLessThan(100);
  });

  it('is noticed to be back', async () => {
    await using fleet = await startFleet(1, {
      health: [],
      resilience: { retry: false, throttle: { ratio: 2, windowMs: 1_000 } },
    });
    await fleet.servers[0]!.mode('limited');
    await load(() => fleet.service.call(get), { calls: 200, concurrency: 10 });
    await fleet.servers[0]!.mode('ok');
    const beganMs = performance.now();
    let row = 0;
    // By a trickle that is drawn: usually within four seconds.
    while (row < 50 && performance.now() - beganMs < 20_000) {
      row = await fleet.service.call(get).then(
        () => row + 1,
        () => 0,
      );
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(row).toBe(50);
  });
});

describe('a rate', () => {
  it('of the service is what the servers see, and refused calls come back when they were told to', async () => {
    await using fleet = await startFleet(2, { resilience: { limits: { rate: { perSecond: 100, burst: 10 } } } });
    const beganMs = performance.now();
    let refused = 0;
    const call = async (): Promise<void> => {
      for (;;) {
        try {
          await fleet.service.call(get);
          return;
        } catch (error) {
          expect((error as FairleadError).code).toBe('FAIRLEAD_RATE_LIMITED');
          refused++;
          await new Promise((resolve) => setTimeout(resolve, (error as FairleadError).retryAfterMs));
        }
      }
    };
    await load(call, { calls: 110, concurrency: 5 });
    const tookMs = performance.now() - beganMs;
    const seen = (await fleet.servers[0]!.seen()) + (await fleet.servers[1]!.seen());
    expect(seen).toBe(110);
    expect(refused).toBeGreaterThan(0);
    expect(tookMs).toBeGreaterThanOrEqual(990);
  });

  it('of each endpoint sends a call to another one first', async () => {
    await using fleet = await startFleet(2, {
      resilience: { limits: { ratePerEndpoint: { perSecond: 0.001, burst: 20 } } },
    });
    const report = await load(() => fleet.service.call(get), { calls: 100, concurrency: 5 });
    expect(codes(report.errors)).toEqual({ FAIRLEAD_RATE_LIMITED: 60 });
    expect([await fleet.servers[0]!.seen(), await fleet.servers[1]!.seen()]).toEqual([20, 20]);
  });
});
