import { seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { type TimedEndpoint, TimeoutEvidence } from '../../src/health/timeout-evidence.js';
import { toTick } from '../../src/runtime/ticks.js';

/** With times in milliseconds. */
class Evidence {
  readonly #evidence = new TimeoutEvidence(toTick(0));

  answered(endpoint: TimedEndpoint, latencyMs: number, nowMs: number): void {
    this.#evidence.answered(endpoint, toTick(nowMs - latencyMs), toTick(nowMs));
  }

  counts(endpoint: TimedEndpoint, hadMs: number, nowMs: number): boolean {
    return this.#evidence.counts(endpoint, hadMs, toTick(nowMs));
  }
}

const endpoint = (): TimedEndpoint => ({ unanswered: undefined });

/** How many of so many timeouts in a row count. */
function counted(evidence: Evidence, hadMs: number, times: number, on = endpoint()): number {
  let count = 0;
  for (let i = 0; i < times; i++) if (evidence.counts(on, hadMs, 0)) count++;
  return count;
}

/** Answers of 1 to 100 ms, evenly spread, `times` times each. */
function answers(evidence: Evidence, times: number, nowMs = 0): void {
  for (let i = 0; i < times * 100; i++) evidence.answered(endpoint(), 1 + (i % 100), nowMs);
}

describe('a timeout', () => {
  it('counts after 50 ms, while fewer than 50 answers are known, and hardly before', () => {
    const evidence = new Evidence();
    expect(counted(evidence, 50, 5)).toBe(5);
    expect(counted(evidence, 49.9, 100)).toBe(0);
  });

  it('counts where the call had the time of the p90 of answers, and not by the floor any more', () => {
    const evidence = new Evidence();
    answers(evidence, 1);
    expect(counted(evidence, 105, 5)).toBe(5);
    const slow = new Evidence();
    for (let i = 0; i < 60; i++) slow.answered(endpoint(), 400, 0);
    expect(counted(slow, 100, 50)).toBe(0);
    expect(counted(slow, 500, 5)).toBe(5);
  });

  it('counts for nothing where fewer than half of the answers come within its time', () => {
    const evidence = new Evidence();
    answers(evidence, 10);
    expect(counted(evidence, 40, 1_000)).toBe(0);
  });

  it('counts in part where at least half of them do', () => {
    const evidence = new Evidence();
    answers(evidence, 10);
    const count = counted(evidence, 70, 100);
    expect(count).toBeGreaterThan(30);
    expect(count).toBeLessThan(70);
  });

  it('counts where nothing is known of its time', () => {
    expect(counted(new Evidence(), Number.NaN, 5)).toBe(5);
  });

  it('does not add up over an answer of its endpoint', () => {
    const evidence = new Evidence();
    answers(evidence, 10);
    const one = endpoint();
    let count = 0;
    for (let i = 0; i < 200; i++) {
      if (evidence.counts(one, 60, 0)) count++;
      evidence.answered(one, 60, 0);
    }
    expect(count).toBe(0);
  });

  it('of an endpoint that answers again is a slow answer: what only the fast ones stay within is no p90', () => {
    const evidence = new Evidence();
    const well = endpoint();
    for (let i = 0; i < 500; i++) {
      if (i % 5 < 2) evidence.counts(well, 10, 0);
      else evidence.answered(well, 2, 0);
    }
    // 60 % within 10 ms, although every answer that came took 2 ms.
    expect(counted(evidence, 10, 1)).toBe(0);
    // Deadlines of 10 ms do not say how many take longer than 100.
    expect(counted(evidence, 100, 5)).toBe(5);
  });

  it('of an endpoint that hangs does not make the service look slow', () => {
    const evidence = new Evidence();
    const hung = endpoint();
    let count = 0;
    for (let i = 0; i < 400; i++) {
      evidence.answered(endpoint(), 2, 0);
      if (evidence.counts(hung, 10, 0)) count++;
    }
    expect(count).toBeGreaterThan(340);
  });

  it('is judged by the answers of the last minute', () => {
    const evidence = new Evidence();
    for (let i = 0; i < 100; i++) evidence.answered(endpoint(), 400, 0);
    for (let i = 0; i < 100; i++) evidence.answered(endpoint(), 4, 70_000);
    expect(evidence.counts(endpoint(), 10, 70_000)).toBe(true);
  });
});

describe('a healthy server', () => {
  it.each([0.05, 0.3, 0.6, 0.8, 0.95])(
    'reaches five failures in a row hardly ever where %f of the calls have time',
    (share) => {
      const random = seededRandom(7);
      const evidence = new Evidence();
      const servers = [endpoint(), endpoint(), endpoint()];
      const rows = new Map<TimedEndpoint, number>();
      let longest = 0;
      for (let call = 0; call < 100_000; call++) {
        const server = servers[random.below(3)]!;
        const answerMs = random.float() * 10;
        const hadMs = share * 10;
        if (answerMs <= hadMs) {
          evidence.answered(server, answerMs, call);
          rows.set(server, 0);
        } else if (evidence.counts(server, hadMs, call)) {
          const row = (rows.get(server) ?? 0) + 1;
          rows.set(server, row);
          longest = Math.max(longest, row);
        }
      }
      expect(longest).toBeLessThan(5);
    },
  );
});
