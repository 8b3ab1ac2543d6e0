import { type Endpoint, type Picker, type PrequalOptions, prequal } from 'fairlead';
import { fakeEndpoints, ManualClock, seededRandom } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { Oddities } from '../../../src/balancing/oddities.js';
import { type Candidate, ProbePool } from '../../../src/balancing/prequal/probe-pool.js';
import { LiveEndpoint } from '../../../src/endpoint/live-endpoint.js';

const NONE = { key: undefined, tried: undefined, nowMs: Number.NaN };

type Reply = (inflight: number, latencyMs: number) => void;

function start(count: number, options: PrequalOptions, answers = true) {
  const all = fakeEndpoints(count).map((spec, i) => new LiveEndpoint(spec, i));
  const clock = new ManualClock();
  const oddities = new Oddities();
  /** The latest that each was given to answer by. */
  const replies = new Map<string, Reply>();
  const asked: string[] = [];
  /** What each says of itself. */
  const says = new Map<string, readonly [inflight: number, latencyMs: number]>();
  const probes = {
    probe: ({ spec }: Endpoint, reply: Reply) => {
      asked.push(spec.id);
      replies.set(spec.id, reply);
      if (answers) reply(...(says.get(spec.id) ?? [0, 100]));
    },
  };
  const context = { random: seededRandom(2), clock, service: 'users', oddities, probes };
  const picker: Picker = prequal(options).create(context as never);
  const use = (ready: readonly Endpoint[]): void => picker.update({ ready, members: all, panic: false });
  use(all);
  const pick = (tried?: readonly Endpoint[]): string => picker.pick({ ...NONE, tried }).spec.id;
  const said = (at: number) => picker.describe!(all[at]!, NONE);
  return { all, clock, oddities, replies, asked, says, picker, use, pick, said };
}

describe('prequal asks', () => {
  it.each([
    [3, 10, 30],
    [0.5, 10, 5],
    [0.25, 10, 2],
    [1.5, 10, 15],
  ])('%d times a call: after %i calls %i times', (probesPerCall, calls, times) => {
    const { asked, pick, oddities } = start(4, { probesPerCall });
    for (let call = 0; call < calls; call++) pick();
    expect(asked).toHaveLength(times);
    expect(oddities.read().probing).toMatchObject({ probes: times, answers: times });
  });

  it('any endpoint, whatever its weight', () => {
    const { asked, pick } = start(3, { probesPerCall: 16 });
    for (let call = 0; call < 20; call++) pick();
    expect(new Set(asked)).toEqual(new Set(['e0', 'e1', 'e2']));
  });
});

describe('prequal goes by', () => {
  it('no answer while it has one alone, and by the better of two', () => {
    const { replies, pick, said, oddities } = start(2, { probesPerCall: 16, removalsPerCall: 0 }, false);
    pick();
    replies.get('e0')!(0, 10);
    const alone = new Set(Array.from({ length: 20 }, () => pick()));
    expect(alone.size).toBe(2);
    expect(oddities.read().probing!.unanswered).toBe(21);
    replies.get('e1')!(0, 5);
    expect([said(1).cost, pick()]).toEqual([5, 'e1']);
    expect(oddities.read().probing!.unanswered).toBe(21);
  });

  it('another where the best was tried, and by none where all with an answer were', () => {
    const { all, replies, pick, oddities } = start(3, { probesPerCall: 16, removalsPerCall: 0 }, false);
    pick();
    replies.get('e0')!(0, 10);
    replies.get('e1')!(0, 5);
    expect(pick([all[1]!])).toBe('e0');
    expect(pick([all[0]!, all[1]!])).toBe('e2');
    expect(oddities.read().probing!.unanswered).toBe(2);
  });

  it('what is an answer: not by nonsense, nor by one of an endpoint that left', () => {
    const { all, replies, use, pick, said, oddities } = start(3, { probesPerCall: 16, removalsPerCall: 0 }, false);
    pick();
    for (const [inflight, latencyMs] of [
      [Number.NaN, 1],
      [1, Number.NaN],
      [-1, 1],
      [1, -1],
    ] as const)
      replies.get('e0')!(inflight, latencyMs);
    expect(said(0)).toEqual({ parts: { weight: 1 } });
    use(all.slice(1));
    replies.get('e0')!(0, 1);
    expect(said(0)).toEqual({ parts: { weight: 1 } });
    expect(oddities.read().probing!.answers).toBe(0);
    replies.get('e1')!(0, 0);
    replies.get('e2')!(2 ** 40, 1);
    expect(said(1).parts).toMatchObject({ inflight: 0, latencyMs: 0 });
    expect(said(2).parts).toMatchObject({ inflight: 2 ** 30 });
    // One that stays answers on where it was asked before the list changed.
    use(all);
    replies.get('e1')!(0, 7);
    expect(said(1).parts).toMatchObject({ latencyMs: 7 });
  });

  it('answers as of the last call before them, as long as they are fresh', () => {
    const { clock, replies, pick, said, oddities } = start(2, { probesPerCall: 16, removalsPerCall: 0 }, false);
    pick();
    clock.advance(30);
    for (const id of ['e0', 'e1']) replies.get(id)!(0, 10);
    expect(said(0).parts).toMatchObject({ ageMs: 30 });
    clock.advance(970);
    pick();
    expect(oddities.read().probing).toMatchObject({ stale: 0, unanswered: 1 });
    clock.advance(1);
    pick();
    expect(oddities.read().probing).toMatchObject({ stale: 2, unanswered: 2 });
    expect(said(0)).toEqual({ parts: { weight: 1 } });
  });

  it('an answer eight times, each counted as a call, where fewer come in than go out', () => {
    const { replies, pick, said } = start(2, { probesPerCall: 16, removalsPerCall: 0, hotQuantile: 0 }, false);
    pick();
    replies.get('e0')!(1, 10);
    replies.get('e1')!(9, 10);
    for (let call = 1; call < 8; call++) {
      expect(pick()).toBe('e0');
      expect(said(0).parts).toMatchObject({ inflight: 1 + call });
    }
    expect(pick()).toBe('e0');
    expect(said(0)).toEqual({ parts: { weight: 1 } });
  });
});

describe('prequal drops', () => {
  const left = (said: (at: number) => { readonly cost?: number | undefined }): number[] =>
    [0, 1, 2, 3, 4].filter((at) => said(at).cost !== undefined);

  it('the oldest answer and the worst in turn with each call, and leaves two', () => {
    const { clock, replies, pick, said } = start(5, { probesPerCall: 16, removalsPerCall: 1, hotQuantile: 1 }, false);
    while (replies.size < 5) pick();
    for (const [at, latencyMs] of [10, 40, 30, 20, 50].entries()) {
      replies.get(`e${at}`)!(0, latencyMs);
      clock.advance(1);
      // Each counts as of the last call: one is made between any two of them.
      pick();
    }
    // Two were there after the second, and every other call dropped one.
    expect(left(said)).toHaveLength(2);
    expect(left(said)).toContain(4);
  });

  it('none where none are to go', () => {
    const { replies, pick, said } = start(5, { probesPerCall: 16, removalsPerCall: 0 }, false);
    while (replies.size < 5) pick();
    for (const reply of replies.values()) reply(0, 10);
    pick();
    expect(left(said)).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('a preview of prequal', () => {
  it('asks nobody, changes nothing, and is what is picked by the answers that there are', () => {
    const { asked, says, pick, picker, said } = start(4, { probesPerCall: 16, removalsPerCall: 0 });
    for (const at of [0, 1, 2, 3]) says.set(`e${at}`, [at, 10 + at]);
    for (let call = 0; call < 5; call++) pick();
    const before = [asked.length, ...[0, 1, 2, 3].map((at) => said(at).cost)];
    const { endpoint, drew } = picker.preview!(NONE, seededRandom(1));
    expect(drew).toEqual([endpoint]);
    for (let seed = 1; seed < 20; seed++) expect(picker.preview!(NONE, seededRandom(seed)).endpoint).toBe(endpoint);
    expect([asked.length, ...[0, 1, 2, 3].map((at) => said(at).cost)]).toEqual(before);
    const tried = [endpoint];
    expect(picker.preview!({ ...NONE, tried }, seededRandom(1)).endpoint).not.toBe(endpoint);
  });
});

describe('the pool of answers', () => {
  function poolOf(answers: readonly (readonly [inflight: number, latencyMs: number])[], quantile: number, seed = 1) {
    const all = fakeEndpoints(answers.length).map(
      (spec, i): Candidate => ({ endpoint: new LiveEndpoint(spec, i), share: 0, place: -1 }),
    );
    const pool = new ProbePool(16, quantile, seededRandom(seed));
    pool.retain(all, 4);
    const at = new Float64Array([5]);
    for (const [i, [inflight, latencyMs]] of answers.entries()) pool.add(all[i]!, inflight, latencyMs, at);
    pool.refresh(at, 1_000);
    const best = (tried?: readonly Endpoint[]): number => {
      const best = pool.best(tried);
      return best === -1 ? -1 : all.findIndex(({ place }) => place === best);
    };
    return { all, pool, best, hot: () => all.map(({ endpoint }) => pool.answerOf(endpoint)!.hot) };
  }

  it('takes the fastest of those with few calls, and of many the one with the fewest', () => {
    const answers = [
      [1, 50],
      [9, 5],
      [1, 30],
      [2, 40],
      [8, 6],
    ] as const;
    // Of five the second highest is the bound: 8.
    expect(poolOf(answers, 0.84).hot()).toEqual([false, true, false, false, false]);
    expect(poolOf(answers, 0.84).best()).toBe(4);
    expect(poolOf(answers, 0.5).hot()).toEqual([false, true, false, false, true]);
    expect(poolOf(answers, 0.5).best()).toBe(2);
    // By calls in progress alone, and by latency alone.
    expect([0, 2]).toContain(poolOf(answers, 0).best());
    expect(poolOf(answers, 0).hot()).toEqual([true, true, true, true, true]);
    expect(poolOf(answers, 1).best()).toBe(1);
    expect(poolOf(answers, 1).hot()).toEqual([false, false, false, false, false]);
  });

  it('takes a hot one where all others were tried', () => {
    const { all, best } = poolOf(
      [
        [1, 50],
        [9, 5],
        [1, 30],
      ],
      0.5,
    );
    expect(best([all[0]!.endpoint, all[2]!.endpoint])).toBe(1);
    expect(best(all.map(({ endpoint }) => endpoint))).toBe(-1);
  });

  it('takes any of those alike', () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 30; seed++)
      seen.add(
        poolOf(
          [
            [1, 10],
            [1, 10],
            [1, 10],
          ],
          0.84,
          seed,
        ).best(),
      );
    expect(seen).toEqual(new Set([0, 1, 2]));
  });

  it('keeps answers by weight: of one with a quarter of it each fourth', () => {
    const all = fakeEndpoints(2, (i) => ({ weight: i === 0 ? 4 : 1 })).map(
      (spec, i): Candidate => ({ endpoint: new LiveEndpoint(spec, i), share: 0, place: -1 }),
    );
    const pool = new ProbePool(16, 0.84, seededRandom(1));
    pool.retain(all, 1);
    const at = new Float64Array([5]);
    const kept = [0, 0];
    for (let turn = 0; turn < 1_000; turn++)
      for (const [i, candidate] of all.entries()) {
        // The newer answer counts: one that is not kept takes the older with it.
        pool.add(candidate, 0, 10, at);
        if (candidate.place !== -1) kept[i]!++;
      }
    expect(kept[0]).toBe(1_000);
    expect(kept[1]).toBeGreaterThan(200);
    expect(kept[1]).toBeLessThan(300);
  });

  it('lets an answer serve as often as it should on average, in whole numbers', () => {
    const [candidate] = fakeEndpoints(1).map(
      (spec, i): Candidate => ({ endpoint: new LiveEndpoint(spec, i), share: 0, place: -1 }),
    );
    const pool = new ProbePool(16, 0.84, seededRandom(1));
    const at = new Float64Array([5]);
    const used = (usesPerAnswer: number): number => {
      pool.retain([candidate!], usesPerAnswer);
      let uses = 0;
      for (let turn = 0; turn < 1_000; turn++) {
        pool.add(candidate!, 0, 10, at);
        while (candidate!.place !== -1) {
          pool.use(candidate!.place);
          uses++;
        }
      }
      return uses / 1_000;
    };
    expect(used(3)).toBe(3);
    expect(used(1)).toBe(1);
    expect(used(1.25)).toBeCloseTo(1.25, 1);
  });
});
