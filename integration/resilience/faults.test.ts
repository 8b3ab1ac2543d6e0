import { setTimeout as sleep } from 'node:timers/promises';
import { attemptsOf, type FairleadError } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { get, load, startFleet } from './support.js';

describe('one of three servers', () => {
  it('is killed: no idempotent call fails', async () => {
    await using fleet = await startFleet(3, { resilience: { idempotent: true } });
    const { service, servers } = fleet;
    const half = () => servers[0]!.process.kill('SIGKILL');
    const report = await load(() => service.call(get), { calls: 3_000, concurrency: 50, half });
    expect(report.failed).toBe(0);
    expect(service.callStats.retries).toBeGreaterThan(0);
  });

  it('is killed: of other calls only those fail that were in flight on it', async () => {
    await using fleet = await startFleet(3, {});
    const { service, servers } = fleet;
    let inflight = 0;
    const half = () => {
      inflight = service.endpoints.find(({ spec }) => spec.port === servers[0]!.port)!.inflight;
      servers[0]!.process.kill('SIGKILL');
    };
    const report = await load(() => service.call(get), { calls: 3_000, concurrency: 50, half });
    // A few more may have been written to its connections before the news of its end arrived.
    expect(report.failed).toBeLessThanOrEqual(inflight + 5);
    for (const error of report.errors) expect(attemptsOf(error).at(-1)?.mayHaveTakenEffect).toBe(true);
  });

  it('hangs: no idempotent call fails, as its attempts there are given up and repeated', async () => {
    await using fleet = await startFleet(3, { resilience: { idempotent: true, retry: { attemptTimeoutMs: 300 } } });
    const { service, servers } = fleet;
    const half = () => servers[0]!.process.kill('SIGSTOP');
    const report = await load(() => service.call(get), { calls: 3_000, concurrency: 50, half });
    expect(report.failed).toBe(0);
    expect(service.callStats.retries).toBeGreaterThan(0);
    expect(service.rotation).toHaveLength(2);
  });

  it('is slow: hedged calls are answered by others before it, within the budget', async () => {
    await using fleet = await startFleet(3, { resilience: { idempotent: true, hedge: { afterMs: 150 } } });
    const { service, servers } = fleet;
    const half = () => servers[0]!.mode('slow');
    let late = 0;
    const call = async (): Promise<void> => {
      if ((await service.call(get)) === 'late') late++;
    };
    const report = await load(call, { calls: 2_000, concurrency: 20, half });
    expect([report.failed, late]).toEqual([0, 0]);
    expect(service.callStats.hedges).toBeGreaterThan(0);
    expect(service.callStats.hedges).toBeLessThanOrEqual(2_000 * 0.1 + 100);
  });

  it('answers 503: no idempotent call fails', async () => {
    await using fleet = await startFleet(3, { resilience: { idempotent: true } });
    const { service, servers } = fleet;
    const half = () => servers[0]!.mode('busy');
    const report = await load(() => service.call(get), { calls: 2_000, concurrency: 50, half });
    expect(report.failed).toBe(0);
  });

  it('answers 404: it is neither repeated nor taken out', async () => {
    await using fleet = await startFleet(3, { resilience: { idempotent: true } });
    const { service, servers } = fleet;
    await servers[0]!.mode('missing');
    const report = await load(() => service.call(get), { calls: 600, concurrency: 20 });
    expect(report.failed).toBeGreaterThan(0);
    expect(service.callStats.retries).toBe(0);
    expect(service.rotation).toHaveLength(3);
  });
});

describe('an outage of all servers', () => {
  it('is multiplied by no more than the budget', async () => {
    await using fleet = await startFleet(2, {
      health: [],
      // Hedges have a budget of their own, which a machine that is busy for half a second would
      // use.
      resilience: { idempotent: true, hedge: false, retry: { baseDelayMs: 1, budget: { minPerSecond: 1 } } },
    });
    const { service, servers } = fleet;
    await Promise.all(servers.map((server) => server.mode('busy')));
    const beganMs = performance.now();
    const report = await load(() => service.call(get), { calls: 2_000, concurrency: 50 });
    expect(report.failed).toBeGreaterThan(1_500);
    const seen = (await servers[0]!.seen()) + (await servers[1]!.seen());
    expect(seen).toBeGreaterThan(2_000 * 1.15);
    // The ten of the floor are there again with each window of ten seconds.
    const windows = Math.ceil((performance.now() - beganMs) / 10_000);
    expect(seen).toBeLessThanOrEqual(2_000 * 1.2 + 10 * windows);
  });

  it('opens the breaker, which spares callers the wait, and closes it when the servers go on', async () => {
    await using fleet = await startFleet(2, {
      resilience: { deadlineMs: 200, breaker: { openMs: 300, jitterRatio: 0 } },
    });
    const { service, servers } = fleet;
    const states: string[] = [];
    service.on('breaker', ({ to }) => states.push(to));
    for (const server of servers) server.process.kill('SIGSTOP');
    const report = await load(() => service.call(get), { calls: 1_000, concurrency: 10 });
    expect(report.failed).toBe(1_000);
    const refused = report.errors.filter((error) => (error as FairleadError).code === 'FAIRLEAD_CIRCUIT_OPEN');
    expect(refused.length).toBeGreaterThan(950);
    for (const server of servers) server.process.kill('SIGCONT');
    for (let tries = 0; tries < 100 && states.at(-1) !== 'closed'; tries++) {
      await service.call(get).catch(() => undefined);
      await sleep(50);
    }
    expect(states.at(-1)).toBe('closed');
    expect(await service.call(get)).toBe('ok');
  });

  it('a server that asks for less is left alone for as long as it says', async () => {
    await using fleet = await startFleet(1, { resilience: { idempotent: true } });
    const { service, servers } = fleet;
    await servers[0]!.mode('limited');
    setTimeout(() => void servers[0]!.mode('ok'), 300);
    const beganMs = performance.now();
    expect(await service.call(get)).toBe('ok');
    expect(performance.now() - beganMs).toBeGreaterThan(990);
    expect(await servers[0]!.seen()).toBe(2);
  });
});
