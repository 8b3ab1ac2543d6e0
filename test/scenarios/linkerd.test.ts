import { createMesh, type Endpoint, type ServiceOptions, staticResolver } from 'fairlead';
import { ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { endpoints } from '../support/mesh.js';

/**
 * Linkerd's scenario (buoyant.io, "Beyond Round Robin", 2016): 11 servers answer in 167 ms ± 5, one
 * client makes 1,000 calls a second for 60 s, and after 15 s one server takes 2 s for 30 s.
 */
const CALLS = 60_000;
const SLOW_FROM_MS = 15_000;
const SLOW_UNTIL_MS = 45_000;

interface Result {
  readonly within1s: number;
  readonly failed: number;
  /** Attempts beyond the first of each call. */
  readonly extra: number;
  readonly slowestMs: number;
}

async function run(seed: number, options: ServiceOptions): Promise<Result> {
  const clock = new ManualClock();
  const random = seededRandom(seed);
  const resolver = staticResolver({ users: endpoints(11) });
  const service = createMesh({ resolver, clock, random: seededRandom(seed + 1) }).service('users', options);
  const started = clock.now();
  let attempts = 0;
  let within1s = 0;
  let failed = 0;
  let slowestMs = 0;
  const answerMs = (endpoint: Endpoint): number => {
    const atMs = clock.now() - started;
    if (endpoint.spec.id === 'e0' && atMs >= SLOW_FROM_MS && atMs < SLOW_UNTIL_MS) return 2_000;
    // The sum of twelve uniform draws is normal enough for a spread of 5 ms.
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += random.float();
    return 167 + 5 * sum;
  };
  const attempt = (endpoint: Endpoint, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      attempts++;
      const timer = clock.after(answerMs(endpoint), resolve);
      signal.addEventListener('abort', () => {
        timer.cancel();
        reject(signal.reason);
      });
    });
  for (let i = 0; i < CALLS; i++) {
    const beganMs = clock.now();
    const ended = (): void => {
      const tookMs = clock.now() - beganMs;
      slowestMs = Math.max(slowestMs, tookMs);
      if (tookMs < 1_000) within1s++;
    };
    service.call(attempt).then(ended, () => failed++);
    await clock.advanceAsync(1);
  }
  await clock.advanceAsync(3_000);
  return { within1s, failed, extra: attempts - CALLS, slowestMs };
}

describe("hedging in Linkerd's scenario", () => {
  it.each([
    ['a fixed delay', { afterMs: 250 }, 1],
    ['a live percentile', { percentile: 99.95, afterMs: 250 }, 1],
  ])(
    'answers every call within a second for at most a thousandth more of them: %s',
    async (_, hedge, seed) => {
      const result = await run(seed, { policy: 'peak_ewma', resilience: { idempotent: true, hedge } });
      expect(result.failed).toBe(0);
      expect(result.within1s).toBe(CALLS);
      expect(result.extra).toBeLessThanOrEqual(CALLS / 1_000);
    },
    30_000,
  );

  it('is told by a loop that gives round robin what Linkerd published: 1 - 1/11 · 30/60 within a second', async () => {
    const result = await run(1, { policy: 'round_robin', health: [] });
    expect(result.within1s / CALLS).toBeCloseTo(1 - 1 / 22, 4);
  }, 30_000);

  it('is needed: without it some calls take longer, whatever the policy knows', async () => {
    const result = await run(1, { policy: 'peak_ewma' });
    expect(result.within1s).toBeLessThan(CALLS);
    expect(result.extra).toBe(0);
  }, 30_000);
});
