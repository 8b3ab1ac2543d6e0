import { DistributedLimit } from 'fairlead/resilience';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

const hung = { consume: () => new Promise(() => undefined) };

/** So many calls, evenly over the time; how long each waited. */
async function waits(limit: DistributedLimit, clock: ManualClock, calls: number, overMs: number): Promise<number[]> {
  const waited: number[] = [];
  for (let i = 0; i < calls; i++) {
    const startedMs = clock.now();
    void limit.tryAcquire(`client-${i}`).then(() => waited.push(clock.now() - startedMs));
    await clock.advanceAsync(overMs / calls);
  }
  await clock.advanceAsync(1_000);
  expect(waited).toHaveLength(calls);
  return waited;
}

describe('a distributed limit whose store hangs', () => {
  it('delays one call a second by its timeout, and those beside the first by a tenth of it', async () => {
    const clock = new ManualClock();
    const waited = await waits(new DistributedLimit({ limiter: hung, timeoutMs: 100 }, clock), clock, 3_000, 1_000);
    expect(waited.filter((ms) => ms >= 50)).toHaveLength(1);
    expect(waited.filter((ms) => ms > 0).length).toBeLessThanOrEqual(33);
    expect(Math.max(...waited.filter((ms) => ms < 50))).toBeLessThanOrEqual(12);
    expect(clock.pending).toBe(0);
  });

  it('delays one call a second for as long as that lasts', async () => {
    const clock = new ManualClock();
    const waited = await waits(new DistributedLimit({ limiter: hung, timeoutMs: 100 }, clock), clock, 10_000, 10_000);
    expect(waited.filter((ms) => ms >= 50).length).toBeLessThanOrEqual(10);
    expect(waited.filter((ms) => ms > 0 && ms < 50).length).toBeLessThanOrEqual(12);
  });

  it('counts all calls again as soon as the store answers', async () => {
    const clock = new ManualClock();
    let answering = false;
    let asked = 0;
    const limiter = {
      consume: () => {
        asked++;
        return answering ? Promise.resolve() : new Promise(() => undefined);
      },
    };
    const limit = new DistributedLimit({ limiter, timeoutMs: 100 }, clock);
    await waits(limit, clock, 100, 500);
    answering = true;
    await clock.advanceAsync(2_000);
    asked = 0;
    await waits(limit, clock, 100, 100);
    expect(asked).toBe(100);
  });

  it('is not what a slow store does, as long as it answers', async () => {
    const clock = new ManualClock();
    let answered = 0;
    const slow = {
      consume: () =>
        new Promise<void>((resolve) => {
          clock.after(60, () => {
            answered++;
            resolve();
          });
        }),
    };
    const errors: unknown[] = [];
    const limit = new DistributedLimit(
      { limiter: slow, timeoutMs: 100, onError: (error) => errors.push(error) },
      clock,
    );
    // The first of them wait for a store of which nothing is known yet.
    await waits(limit, clock, 100, 100);
    const waited = await waits(limit, clock, 1_000, 1_000);
    expect(waited.filter((ms) => ms === 60).length).toBeGreaterThan(900);
    expect([errors, answered > 900]).toEqual([[], true]);
  });

  it('refuses instead, where it was told to', async () => {
    const clock = new ManualClock();
    const limit = new DistributedLimit({ limiter: hung, timeoutMs: 100, onStoreFailure: 'refuse' }, clock);
    const answers: number[] = [];
    for (let i = 0; i < 50; i++) void limit.tryAcquire(`${i}`).then((ms) => answers.push(ms));
    await clock.advanceAsync(100);
    expect(answers).toHaveLength(50);
    expect(answers.every((ms) => ms > 0)).toBe(true);
  });
});
