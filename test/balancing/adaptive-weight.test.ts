import { type AdaptiveWeightOptions, adaptiveWeight, Outcome, type Service } from 'fairlead';
import type { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../support/mesh.js';

type Answers = Readonly<Record<string, { readonly ms: number; readonly outcome?: Outcome }>>;

function setUp(weights: Readonly<Record<string, number>>, options?: AdaptiveWeightOptions) {
  const users = Object.entries(weights).map(([id, weight], i) => ({ id, host: '127.0.0.1', port: 5_000 + i, weight }));
  const { mesh, clock, resolver } = testMesh({ users });
  return { service: mesh.service('users', { policy: adaptiveWeight(options), health: [] }), clock, resolver, users };
}

/**
 * A hundred calls a second, each answered after its endpoint's time. Gives shares of the last half.
 */
function run(service: Service, clock: ManualClock, answers: Answers, seconds: number): Record<string, number> {
  const counts: Record<string, number> = {};
  const calls = seconds * 100;
  for (let i = 0; i < calls; i++) {
    const lease = service.acquire();
    const { id } = lease.endpoint.spec;
    const { ms, outcome = Outcome.Success } = answers[id]!;
    clock.after(ms, () => lease.done(outcome));
    clock.advance(10);
    if (i >= calls / 2) counts[id] = (counts[id] ?? 0) + 1 / (calls / 2);
  }
  return counts;
}

describe('adaptive_weight', () => {
  it('gives shares in inverse proportion to response times', () => {
    const { service, clock } = setUp({ a: 1, b: 1, c: 1 });
    const shares = run(service, clock, { a: { ms: 20 }, b: { ms: 40 }, c: { ms: 80 } }, 120);
    expect(shares.a).toBeCloseTo(4 / 7, 1);
    expect(shares.b).toBeCloseTo(2 / 7, 1);
    expect(shares.c).toBeCloseTo(1 / 7, 1);
  });

  it('keeps the base weight: equally fast endpoints share by it', () => {
    const { service, clock } = setUp({ a: 1, b: 3 });
    const shares = run(service, clock, { a: { ms: 30 }, b: { ms: 30 } }, 60);
    expect(shares.b).toBeCloseTo(0.75, 1);
  });

  it('never starves an endpoint, however slow, and gives it its share back once it is well', () => {
    const { service, clock } = setUp({ a: 1, b: 1, c: 1 }, { decayMs: 2_000 });
    const slow = run(service, clock, { a: { ms: 20 }, b: { ms: 20 }, c: { ms: 20_000 } }, 120);
    expect(slow.c).toBeGreaterThan(0.005);
    expect(slow.c).toBeLessThan(0.08);
    const well = run(service, clock, { a: { ms: 20 }, b: { ms: 20 }, c: { ms: 20 } }, 120);
    expect(well.c).toBeCloseTo(1 / 3, 1);
  });

  it('does not take fast failures for speed', () => {
    const { service, clock } = setUp({ a: 1, b: 1, c: 1 });
    const failing = { ms: 1, outcome: Outcome.Failure };
    expect(run(service, clock, { a: { ms: 20 }, b: { ms: 20 }, c: failing }, 60).c).toBeLessThan(0.1);
  });

  it('keeps what it learnt when endpoints come and go', () => {
    const { service, clock, resolver, users } = setUp({ a: 1, b: 1 });
    const answers = { a: { ms: 10 }, b: { ms: 90 }, c: { ms: 30 } };
    run(service, clock, answers, 60);
    resolver.update('users', [...users, { id: 'c', host: '127.0.0.1', port: 6_000 }]);
    const shares = run(service, clock, answers, 2);
    expect(shares.a! / shares.b!).toBeGreaterThan(4);
  });

  it('follows the classic thresholds: fast doubles, middling keeps, slow halves, at least 1', () => {
    const { service, clock } = setUp({ fast: 4, middling: 4, slow: 4, light: 1 }, { thresholds: true });
    const answers = { fast: { ms: 100 }, middling: { ms: 200 }, slow: { ms: 201 }, light: { ms: 500 } };
    const shares = run(service, clock, answers, 120);
    for (const [id, weight] of [
      ['fast', 8],
      ['middling', 4],
      ['slow', 2],
      ['light', 1],
    ] as const) {
      expect(shares[id]).toBeCloseTo(weight / 15, 1);
    }
  });

  it('takes other thresholds', () => {
    const { service, clock } = setUp({ fast: 2, slow: 2 }, { thresholds: { fastMs: 10, slowMs: 20 } });
    const shares = run(service, clock, { fast: { ms: 10 }, slow: { ms: 30 } }, 60);
    expect(shares.fast).toBeCloseTo(4 / 5, 1);
  });

  it('refuses what makes no sense', () => {
    expect(() => adaptiveWeight({ maxRatio: 0 })).toThrow(/adaptive_weight\.maxRatio is 0/);
    expect(() => adaptiveWeight({ thresholds: { fast: 1 } as never })).toThrow(/thresholds\.fast is not an option/);
    expect(() => adaptiveWeight({ thresholds: { fastMs: 300 } })).toThrow(
      /thresholds\.fastMs is 300: allowed is at most slowMs, 200/,
    );
  });
});
