import { type Endpoint, type PeakEwmaOptions, peakEwma } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { LiveEndpoint } from '../../src/endpoint/live-endpoint.js';

/** An endpoint as it is at the time 0, by what it is to cost. */
interface State {
  readonly ms?: number;
  readonly weight?: number;
  readonly inflight?: number;
  /** How long each of its calls has been in progress. */
  readonly ageMs?: number;
  readonly failureRatio?: number;
  /** When its estimate is of; NaN where it never had a call that ended. */
  readonly atMs?: number;
}

const NOW_MS = 100_000;

function start(states: readonly State[], options: PeakEwmaOptions = {}) {
  const all = fakeEndpoints(states.length, (i) => ({ weight: states[i]!.weight ?? 1 })).map((spec, i) => {
    const { ms = Number.NaN, inflight = 0, ageMs = 0, failureRatio = 0, atMs } = states[i]!;
    const endpoint = new LiveEndpoint(spec, i);
    for (let call = 0; call < inflight; call++) endpoint.beginTimed(NOW_MS - ageMs);
    endpoint.latencyMs = ms;
    endpoint.latencyAtMs = atMs ?? (Number.isNaN(ms) && failureRatio === 0 ? Number.NaN : NOW_MS);
    endpoint.failureRatio = failureRatio;
    return endpoint;
  });
  const picker = peakEwma(options).create({ random: seededRandom(1), clock: new ManualClock() } as never);
  picker.update({ ready: all, members: all, panic: false });
  const request = { key: undefined, tried: undefined, nowMs: NOW_MS };
  return { all, picker, request };
}

/** Which of two it takes, in whatever order they are drawn. */
function taken(...states: [State, State]): string {
  const { picker, request } = start(states);
  const ids = Array.from({ length: 60 }, () => picker.pick(request).spec.id);
  return [...new Set(ids)].sort().join(' or ');
}

describe('of two that it drew, peak_ewma takes', () => {
  it('the one that is expected to answer sooner, and either of two alike', () => {
    expect(taken({ ms: 10 }, { ms: 11 })).toBe('e0');
    expect(taken({ ms: 11 }, { ms: 10 })).toBe('e1');
    expect(taken({ ms: 10 }, { ms: 10 })).toBe('e0 or e1');
  });

  it('the one whose estimate is older, where that makes it the smaller', () => {
    // 20 ms of one decay ago are 7.4 ms now; 12 ms of a twentieth of it are 11.4 ms.
    expect(taken({ ms: 20, atMs: NOW_MS - 10_000 }, { ms: 8 })).toBe('e0');
    expect(taken({ ms: 12, atMs: NOW_MS - 500 }, { ms: 11.5 })).toBe('e0');
    expect(taken({ ms: 11.3 }, { ms: 12, atMs: NOW_MS - 500 })).toBe('e0');
    expect(taken({ ms: 7 }, { ms: 20, atMs: NOW_MS - 10_000 })).toBe('e0');
    expect(taken({ ms: 8 }, { ms: 20, atMs: NOW_MS - 10_000 })).toBe('e1');
  });

  it('the one with fewer calls in progress for its speed', () => {
    expect(taken({ ms: 10, inflight: 1 }, { ms: 19 })).toBe('e1');
    expect(taken({ ms: 10, inflight: 1 }, { ms: 21 })).toBe('e0');
    expect(taken({ ms: 19 }, { ms: 10, inflight: 1 })).toBe('e0');
  });

  it('not the one whose calls wait longer than it is expected to take', () => {
    expect(taken({ ms: 10, inflight: 1, ageMs: 30 }, { ms: 25, inflight: 1 })).toBe('e1');
    expect(taken({ ms: 25, inflight: 1 }, { ms: 10, inflight: 1, ageMs: 30 })).toBe('e0');
    expect(taken({ ms: 10, inflight: 1, ageMs: 9 }, { ms: 12, inflight: 1 })).toBe('e0');
    expect(taken({ ms: 10, inflight: 2, ageMs: 15 }, { ms: 14, inflight: 2 })).toBe('e1');
    expect(taken({ ms: 14, inflight: 2 }, { ms: 10, inflight: 2, ageMs: 15 })).toBe('e0');
  });

  it('a straggler only where the other has as many calls as its excess, counted twice, says', () => {
    // 12 times slower: 12 times 4 against calls and one more.
    expect(taken({ ms: 10, inflight: 46 }, { ms: 120 })).toBe('e0');
    expect(taken({ ms: 10, inflight: 48 }, { ms: 120 })).toBe('e1');
    expect(taken({ ms: 120 }, { ms: 10, inflight: 46 })).toBe('e1');
    expect(taken({ ms: 120 }, { ms: 10, inflight: 48 })).toBe('e0');
    // Three times slower is no straggler.
    expect(taken({ ms: 10, inflight: 3 }, { ms: 30 })).toBe('e1');
    expect(taken({ ms: 30 }, { ms: 10, inflight: 3 })).toBe('e0');
  });

  it('not the one that fails, as dear as twenty answers for each failure to expect', () => {
    // One of five fails: a quarter of a failure for each answer, and 5 more of what it takes.
    expect(taken({ ms: 10, failureRatio: 0.2 }, { ms: 29 })).toBe('e1');
    expect(taken({ ms: 10.5, failureRatio: 0.2 }, { ms: 29, failureRatio: 0.2 })).toBe('e0');
    expect(taken({ ms: 29 }, { ms: 10, failureRatio: 0.2 })).toBe('e0');
    // Forgiven by a decay: a ratio of 0.07, and 1.6 more.
    expect(taken({ ms: 10, failureRatio: 0.2, atMs: NOW_MS - 10_000 }, { ms: 10 })).toBe('e0');
    expect(taken({ ms: 10, failureRatio: 0.2, atMs: NOW_MS - 10_000 }, { ms: 9 })).toBe('e1');
    expect(taken({ ms: 9 }, { ms: 10, failureRatio: 0.2, atMs: NOW_MS - 10_000 })).toBe('e0');
  });

  it('the faster of two that fail always', () => {
    expect(taken({ ms: 10, failureRatio: 1 }, { ms: 12, failureRatio: 1 })).toBe('e0');
    expect(taken({ ms: 12, failureRatio: 1 }, { ms: 10, failureRatio: 0.995 })).toBe('e1');
  });

  it('by weight in what is in progress: half of the mean has room for half as much', () => {
    // Of weights 1 and 3 the mean is 2: one call each are 2 and 2/3, and 3.3 for the lighter one
    // where it was drawn second.
    expect(taken({ ms: 10, weight: 1, inflight: 1 }, { ms: 17, weight: 3, inflight: 1 })).toBe('e1');
    expect(taken({ ms: 10, weight: 1, inflight: 1 }, { ms: 19, weight: 3, inflight: 1 })).toBe('e0 or e1');
    expect(taken({ ms: 10, weight: 1, inflight: 1 }, { ms: 27, weight: 3, inflight: 1 })).toBe('e0');
  });

  it('a lighter one that was drawn second only where that pays with the call counted', () => {
    // Drawn first it keeps its share: both are idle.
    expect(taken({ ms: 10, weight: 1 }, { ms: 10, weight: 3 })).toBe('e0 or e1');
    // Two thirds of the call count: 10 × (2/3 × 2 / 1 + 1) are 23.3 ms.
    expect(taken({ ms: 10, weight: 1 }, { ms: 23, weight: 3 })).toBe('e0 or e1');
    expect(taken({ ms: 10, weight: 1 }, { ms: 24, weight: 3 })).toBe('e0');
  });
});

describe('of one that has not answered yet and another, peak_ewma takes', () => {
  const failing = { failureRatio: 0.5 };

  it('the new one for its first call, and not for a second', () => {
    expect(taken({}, { ms: 10 })).toBe('e0');
    expect(taken({ ms: 10 }, {})).toBe('e1');
    expect(taken({ inflight: 1 }, { ms: 10, inflight: 9 })).toBe('e1');
    expect(taken({ ms: 10, inflight: 9 }, { inflight: 1 })).toBe('e0');
  });

  it('by load alone where both are new', () => {
    expect(taken({ inflight: 1 }, { inflight: 2 })).toBe('e0');
    expect(taken({ inflight: 2 }, { inflight: 1 })).toBe('e1');
    expect(taken({}, {})).toBe('e0 or e1');
    expect(taken({ inflight: 2, weight: 3 }, { inflight: 1, weight: 1 })).toBe('e0');
  });

  it('by failures and load where it failed all that it had, or they were cancelled', () => {
    expect(taken(failing, { ms: 10, inflight: 10 })).toBe('e1');
    // A failure for each answer: as dear as 20 calls in progress.
    expect(taken(failing, { ms: 10, inflight: 21 })).toBe('e0');
    expect(taken({ ms: 10, inflight: 21 }, failing)).toBe('e1');
    expect(taken({ ms: 10, inflight: 19 }, failing)).toBe('e0');
    expect(taken({ atMs: NOW_MS }, { ms: 10 })).toBe('e0 or e1');
    // By a decay less: a ratio of 0.18.
    const forgiven = { failureRatio: 0.5, atMs: NOW_MS - 10_000 };
    expect(taken(forgiven, { ms: 10, inflight: 6 })).toBe('e0');
    expect(taken(forgiven, { ms: 10, inflight: 4 })).toBe('e1');
  });
});

describe('what peak_ewma says of an endpoint', () => {
  const described = (state: State, options?: PeakEwmaOptions) => {
    const { all, picker, request } = start([state, { ms: 1, weight: 3 }], options);
    return picker.describe!(all[0] as Endpoint, request);
  };

  it('is what it costs by itself, and of what', () => {
    expect(described({ ms: 10, atMs: NOW_MS - 5_000 }, { decayMs: 5_000 })).toEqual({
      cost: expect.closeTo(10 / Math.E, 10),
      parts: { ewmaMs: expect.closeTo(10 / Math.E, 10), ageMs: 0, inflight: 0, weight: 1, failureRatio: 0 },
    });
    // Two calls of half the mean weight are four, and one more.
    expect(described({ ms: 10, inflight: 2, ageMs: 30 })).toEqual({
      cost: 30 * 5,
      parts: { ewmaMs: 10, ageMs: 30, inflight: 2, weight: 1, failureRatio: 0 },
    });
    expect(described({ ms: 10, failureRatio: 0.5 }, { failurePenalty: 3 })).toMatchObject({
      cost: 10 * (1 + 3),
      parts: { failureRatio: 0.5 },
    });
  });

  it('is its load alone before it answered', () => {
    expect(described({ inflight: 1 })).toMatchObject({ cost: 3, parts: { ewmaMs: Number.NaN, inflight: 1 } });
  });

  it('is a preview of what it takes, and of all that it drew', () => {
    const { all, picker, request } = start([{ ms: 30 }, { ms: 10 }, { ms: 20 }, { ms: 40 }], { choices: 3 });
    for (let seed = 1; seed <= 30; seed++) {
      const { endpoint, drew } = picker.preview!(request, seededRandom(seed));
      expect(drew).toHaveLength(3);
      const best = Math.min(...drew.map(({ latencyMs }) => latencyMs));
      expect(endpoint.latencyMs).toBe(best);
      expect(picker.preview!({ ...request, tried: [all[1]!] }, seededRandom(seed)).drew).not.toContain(all[1]);
    }
  });
});
