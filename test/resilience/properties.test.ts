import { attemptsOf, type Endpoint, Outcome, type ResilienceOptions } from 'fairlead';
import { ClientThrottle, DistributedLimit, fullJitterMs, KeyedRate, LatencyPercentile } from 'fairlead/resilience';
import { ManualClock, seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { RateLimiterMemory } from 'rate-limiter-flexible';
import { describe, expect, it } from 'vitest';
import { RollingCounts } from '../../src/resilience/rolling-counts.js';
import { type Wait, WaitingLine } from '../../src/resilience/waiting-line.js';
import { endpoints, testMesh } from '../support/mesh.js';

const gap = fc.integer({ min: 0, max: 900 });

describe('counts that roll', () => {
  it('are those of a log that is read back over a window, less at most its oldest slot', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(gap, fc.nat(3)), { maxLength: 80 }),
        fc.constantFrom(500, 1_000, 10_000),
        (steps, windowMs) => {
          const counts = new RollingCounts(windowMs);
          const log: [atMs: number, count: number][] = [];
          let nowMs = 0;
          for (const [gapMs, count] of steps) {
            nowMs += gapMs;
            counts.advance(nowMs);
            counts.add(count, count);
            log.push([nowMs, count]);
            const within = (ms: number): number =>
              log.reduce((sum, [atMs, each]) => (atMs > nowMs - ms ? sum + each : sum), 0);
            expect(counts.first).toBeLessThanOrEqual(within(windowMs));
            expect(counts.first).toBeGreaterThanOrEqual(within(windowMs - counts.slotMs));
            expect(counts.secondWithOldest).toBeGreaterThanOrEqual(within(windowMs));
          }
        },
      ),
      { numRuns: 200, seed: 31 },
    );
  });
});

describe('full jitter', () => {
  it('lies between nothing and a ceiling that doubles up to its cap, after any number of repeats', () => {
    const random = seededRandom(3);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5_000 }),
        fc.integer({ min: 0, max: 10_000 }),
        fc.integer({ min: 0, max: 100_000 }),
        (repeat, baseMs, maxMs) => {
          const waitMs = fullJitterMs(repeat, baseMs, maxMs, random);
          expect(waitMs).toBeGreaterThanOrEqual(0);
          expect(waitMs).toBeLessThanOrEqual(Math.min(maxMs, baseMs * 2 ** Math.min(repeat - 1, 60)));
        },
      ),
      { numRuns: 500, seed: 32 },
    );
  });
});

describe('a rate per key', () => {
  it('keeps the rate of each key and its bound of memory, whoever comes', () => {
    const step = fc.tuple(gap, fc.integer({ min: 0, max: 9 }));
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, burst, capacity) => {
          const rate = new KeyedRate({ perSecond: 2, burst, capacity });
          const admitted = new Map<number, number[]>();
          let nowMs = 0;
          for (const [gapMs, key] of steps) {
            nowMs += gapMs;
            if (rate.tryAcquire(`k${key}`, nowMs) === 0) admitted.set(key, [...(admitted.get(key) ?? []), nowMs]);
            expect(rate.size).toBeLessThanOrEqual(capacity);
          }
          for (const times of admitted.values()) {
            for (const [from, atMs] of times.entries()) {
              for (let to = from; to < times.length; to++) {
                // A key may have had a bucket of its own and, before or after it, a share of the
                // strangers'.
                const allowed = 2 * (burst + ((times[to]! - atMs) * 2) / 1_000) + 1e-6;
                expect(to - from + 1).toBeLessThanOrEqual(allowed);
              }
            }
          }
        },
      ),
      { numRuns: 200, seed: 33 },
    );
  });
});

describe('client-side throttling', () => {
  it('lets everything pass while the service accepts one in K, and never refuses with certainty', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.boolean()), { maxLength: 300 }),
        fc.integer(),
        (steps, seed) => {
          const throttle = new ClientThrottle({ ratio: 2, minimumCalls: 0, windowMs: 10_000 }, seededRandom(seed));
          let nowMs = 0;
          for (const [gapMs, accepted] of steps) {
            nowMs += gapMs;
            const probability = throttle.refusalProbability(nowMs);
            expect(probability).toBeGreaterThanOrEqual(0);
            expect(probability).toBeLessThan(1);
            const waitMs = throttle.tryAcquire(nowMs);
            if (probability === 0) expect(waitMs).toBe(0);
            if (waitMs > 0) expect(waitMs).toBeLessThanOrEqual(1_000);
            else throttle.record(accepted ? Outcome.Success : Outcome.Failure, nowMs);
          }
        },
      ),
      { numRuns: 100, seed: 34 },
    );
  });
});

describe('a live percentile', () => {
  it('is within the two figures of its histogram of the one by sorting', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.5, max: 60_000, noNaN: true }), { minLength: 20, maxLength: 300 }),
        fc.constantFrom(50, 90, 99),
        (samples, percentile) => {
          const live = new LatencyPercentile(percentile, 30_000, 20);
          for (const sample of samples) live.record(sample, 0);
          const sorted = [...samples].sort((a, b) => a - b);
          // HDR rounds the rank, so it may be that of the neighbour.
          const rank = Math.ceil((percentile / 100) * sorted.length) - 1;
          expect(live.valueMs(0)).toBeGreaterThanOrEqual(sorted[Math.max(0, rank - 1)]! * 0.98);
          expect(live.valueMs(0)).toBeLessThanOrEqual(sorted[rank]! * 1.02);
        },
      ),
      { numRuns: 200, seed: 35 },
    );
  });
});

describe('a waiting line', () => {
  it('gives turns in the order of arrival to those that still wait, and lets none wait beside room', () => {
    type Place = 'a' | 'b';
    const step = fc.oneof(
      fc.record({ join: fc.constantFrom<Place | 'any'>('a', 'b', 'any', 'any') }),
      fc.record({ free: fc.constantFrom<Place>('a', 'b') }),
      fc.record({ leave: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const clock = new ManualClock();
        const line = new WaitingLine(clock);
        const places = { a: {}, b: {} };
        const room = { a: 0, b: 0 };
        const waiting = new Map<number, Place | 'any'>();
        const leaves = new Map<number, () => void>();
        const turns: number[] = [];
        const take = (id: number, where: Place | 'any'): Wait | undefined => {
          const place = where !== 'any' ? where : room.a > 0 ? 'a' : 'b';
          if (room[place] === 0) return { at: where === 'any' ? undefined : places[where], againAtMs: Infinity };
          room[place]--;
          waiting.delete(id);
          turns.push(id);
          return undefined;
        };
        for (const [id, each] of steps.entries()) {
          const before = turns.length;
          const waited = [...waiting];
          if ('join' in each) {
            const where = each.join;
            waiting.set(id, where);
            // As a call does it: one that has to stand behind others does not look for room itself.
            const wait = line.crowded ? { at: undefined, againAtMs: Infinity } : take(id, where);
            if (wait !== undefined) leaves.set(id, line.join({ proceed: () => take(id, where) }, wait));
          } else if ('free' in each) {
            room[each.free]++;
            line.next(places[each.free]);
          } else {
            leaves.get(each.leave)?.();
            waiting.delete(each.leave);
          }
          expect(line.length).toBe(waiting.size);
          for (const where of waiting.values()) expect(where === 'any' ? room.a + room.b : room[where]).toBe(0);
          // Of those that may go to the same places, the one that came first.
          for (const id of turns.slice(before)) {
            const where = steps[id] as { join: Place | 'any' };
            expect(waited.find(([, each]) => each === where.join)?.[0] ?? id).toBe(id);
          }
        }
        expect(clock.pending).toBe(0);
      }),
      { numRuns: 300, seed: 36 },
    );
  });
});

describe('a distributed limit', () => {
  it('admits what its limiter admits, however many processes ask, and less never', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(2), fc.nat(3)), { maxLength: 80 }),
        fc.integer({ min: 1, max: 6 }),
        async (asks, points) => {
          const limiter = new RateLimiterMemory({ points, duration: 3_600 });
          const processes = [0, 1, 2].map(() => new DistributedLimit({ limiter }, new ManualClock()));
          const admitted = new Map<number, number>();
          const asked = new Map<number, number>();
          for (const [process, key] of asks) {
            asked.set(key, (asked.get(key) ?? 0) + 1);
            if ((await processes[process]!.tryAcquire(`k${key}`)) === 0)
              admitted.set(key, (admitted.get(key) ?? 0) + 1);
          }
          for (const [key, count] of asked) expect(admitted.get(key) ?? 0).toBe(Math.min(count, points));
        },
      ),
      { numRuns: 50, seed: 37 },
    );
  });
});

type Step = 'ok' | 'refused' | 'lost' | 'wrong' | 'hang' | 'slow';

describe('any call', () => {
  const script = fc.array(fc.constantFrom<Step>('ok', 'refused', 'lost', 'wrong', 'hang', 'slow'), {
    minLength: 1,
    maxLength: 5,
  });
  const one = fc.record({ script, idempotent: fc.boolean(), deadlineMs: fc.integer({ min: 1, max: 600 }) });
  const configs: ResilienceOptions[] = [
    { retry: { baseDelayMs: 10 } },
    { retry: { attemptTimeoutMs: 100, maxAttempts: 4 } },
    { hedge: { afterMs: 30, maxAttempts: 3 }, retry: { attemptTimeoutMs: 150 } },
    {
      hedge: { percentile: 90, afterMs: 40 },
      breakerPerEndpoint: { consecutiveFailures: 2 },
      limits: { maxInflight: 5, maxPending: 5 },
    },
  ];

  it('ends by its deadline, goes to no endpoint twice while there is another, and takes effect once unless it may twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(one, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(...configs),
        async (calls, resilience) => {
          const { mesh, clock } = testMesh({ users: endpoints(3) });
          const service = mesh.service('users', { resilience, health: [] });
          const ends: Promise<void>[] = [];
          for (const { script: steps, idempotent, deadlineMs } of calls) {
            const went: Endpoint[] = [];
            let effects = 0;
            const startedMs = clock.now();
            const run = (endpoint: Endpoint): Promise<string> | string => {
              const step = steps[Math.min(went.length, steps.length - 1)]!;
              // The third attempt has been everywhere.
              if (went.length < 3) expect(went).not.toContain(endpoint);
              went.push(endpoint);
              if (step === 'refused') return Promise.reject(Object.assign(new Error(step), { code: 'ECONNREFUSED' }));
              effects++;
              if (step === 'lost') return Promise.reject(Object.assign(new Error(step), { code: 'ECONNRESET' }));
              if (step === 'wrong') return Promise.reject(new Error(step));
              if (step === 'hang') return new Promise(() => undefined);
              return step === 'ok' ? step : new Promise((resolve) => clock.after(70, () => resolve(step)));
            };
            const check = (error: unknown): void => {
              expect(clock.now() - startedMs).toBeLessThanOrEqual(deadlineMs);
              if (!idempotent) expect(effects).toBeLessThanOrEqual(1);
              expect(went.length).toBeLessThanOrEqual(12);
              // Whoever failed is told how often it may have happened.
              const told = attemptsOf(error).filter((attempt) => attempt.mayHaveTakenEffect).length;
              if (error !== undefined && effects > 0 && told === 0) expect(steps).toContain('wrong');
            };
            ends.push(
              service.call(run, { idempotent, deadlineMs }).then(
                () => check(undefined),
                (error) => check(error),
              ),
            );
            await clock.advanceAsync(5);
          }
          await clock.advanceAsync(2_000);
          await Promise.all(ends);
          expect(clock.pending).toBe(0);
          expect(service.endpoints.map((endpoint) => endpoint.inflight)).toEqual([0, 0, 0]);
        },
      ),
      { numRuns: 150, seed: 38 },
    );
  });

  it('together with the others is made no more often than the budgets of repeats and hedges allow', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(script, { minLength: 10, maxLength: 60 }), async (scripts) => {
        const budget = { ratio: 0.2, minPerSecond: 0.1 };
        const { mesh, clock } = testMesh({ users: endpoints(3) });
        const resilience = {
          idempotent: true,
          deadlineMs: 400,
          retry: { budget, baseDelayMs: 1 },
          hedge: { afterMs: 10, budget },
        };
        const service = mesh.service('users', { resilience, health: [] });
        let attempts = 0;
        const calls = scripts.map((steps) => {
          let at = 0;
          return service.call(() => {
            attempts++;
            const step = steps[Math.min(at++, steps.length - 1)]!;
            if (step === 'ok' || step === 'slow')
              return new Promise((resolve) => clock.after(step === 'ok' ? 1 : 60, () => resolve(1)));
            if (step === 'hang') return new Promise(() => undefined);
            const code = { refused: 'ECONNREFUSED', lost: 'ECONNRESET', wrong: 'E' }[step];
            return Promise.reject(Object.assign(new Error(step), { code }));
          });
        });
        const settled = Promise.allSettled(calls);
        await clock.advanceAsync(1_000);
        await settled;
        expect(attempts).toBeLessThanOrEqual(scripts.length + 2 * (0.2 * scripts.length + 1));
        expect(attempts).toBe(scripts.length + service.callStats.retries + service.callStats.hedges);
      }),
      { numRuns: 60, seed: 39 },
    );
  });
});
