import { type Endpoint, Outcome } from 'fairlead';
import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { connectFailures } from '../../src/health/connect-failures.js';
import { mayGo } from '../../src/health/ejection-caps.js';
import { EjectionHistory } from '../../src/health/ejection-times.js';
import { groundsOfTally, IntervalWindow, spread, type Tally } from '../../src/health/interval-window.js';
import { KeptIn } from '../../src/health/kept-in.js';
import { ReportedChecks } from '../../src/health/reported-checks.js';

const named = (id: string, more: object = {}) => ({ spec: { id }, state: 'ready', ...more }) as unknown as Endpoint;
const [a, b] = [named('a'), named('b')];
const TIMES = { baseEjectionMs: 1_000, maxEjectionMs: 3_500, jitterRatio: 0 };

describe('failed connections in a row', () => {
  const make = (failures = 3) => connectFailures({ failures }).create({ nextEjectionMs: () => 777 } as never);
  const fail = (tracker: ReturnType<typeof make>, times: number, endpoint = a): number[] =>
    Array.from({ length: times }, () => tracker.record(endpoint, Outcome.ConnectFailure, 0));

  it('eject at the limit, each endpoint by its own', () => {
    const tracker = make();
    expect(fail(tracker, 2)).toEqual([0, 0]);
    expect(fail(tracker, 2, b)).toEqual([0, 0]);
    expect(tracker.explain!(a)).toEqual({ failures: 2, threshold: 3 });
    expect(fail(tracker, 2)).toEqual([777, 777]);
  });

  it.each([
    [Outcome.Success, 0],
    [Outcome.ApplicationError, 0],
    [Outcome.Failure, 0],
    [Outcome.Overloaded, 0],
    [Outcome.Cancelled, 2],
    [Outcome.Timeout, 2],
  ])('are, after outcome %i, %i', (outcome, left) => {
    const tracker = make();
    fail(tracker, 2);
    expect(tracker.record(a, outcome, 5)).toBe(0);
    expect(tracker.explain!(a)).toEqual({ failures: left, threshold: 3 });
  });

  it('begin anew after a probe, a confirmation, or when the endpoint is gone', () => {
    for (const end of [
      (tracker: ReturnType<typeof make>) => expect(tracker.probed(a, true)).toBe(0),
      (tracker: ReturnType<typeof make>) => expect(tracker.probed(a, false)).toBe(777),
      (tracker: ReturnType<typeof make>) => tracker.confirmed!(a),
      (tracker: ReturnType<typeof make>) => tracker.forget(a),
    ]) {
      const tracker = make();
      fail(tracker, 2);
      end(tracker);
      expect(tracker.explain!(a)).toEqual({ failures: 0, threshold: 3 });
    }
  });
});

describe('an interval', () => {
  const make = () => {
    const clock = new ManualClock();
    const judged: Tally[][] = [];
    const window = new IntervalWindow(clock, 1_000, (tallies) => judged.push([...tallies]));
    return { clock, judged, window };
  };

  it('counts what each endpoint did, and is judged once at its end', () => {
    const { clock, judged, window } = make();
    window.record(a, Outcome.Success, 10);
    window.record(a, Outcome.ApplicationError, 20);
    window.record(a, Outcome.Failure, 30);
    window.record(a, Outcome.Timeout, 40);
    window.record(a, Outcome.ConnectFailure, 50);
    window.record(a, Outcome.Cancelled, 60);
    window.record(b, Outcome.Success, Number.NaN);
    clock.advance(999);
    expect(judged).toEqual([]);
    clock.advance(1);
    expect(judged).toEqual([
      [
        { endpoint: a, answers: 2, failures: 3, unanswered: 2, latencySumMs: 70, latencies: 3 },
        { endpoint: b, answers: 1, failures: 0, unanswered: 0, latencySumMs: 0, latencies: 0 },
      ],
    ]);
  });

  it('begins with the first call, and none follows one without calls', () => {
    const { clock, judged, window } = make();
    window.record(a, Outcome.Cancelled, 1);
    expect(clock.pending).toBe(0);
    window.record(a, Outcome.Success, 1);
    clock.advance(1_000);
    expect([judged.length, clock.pending]).toEqual([1, 0]);
    window.record(a, Outcome.Success, 1);
    clock.advance(1_000);
    expect(judged[1]).toMatchObject([{ answers: 1 }]);
  });

  it('judges none that is out, was forgotten or is closed', () => {
    const { clock, judged, window } = make();
    const out = named('out', { state: 'ejected' });
    for (const each of [a, b, out]) window.record(each, Outcome.Success, 1);
    window.forget(b);
    clock.advance(1_000);
    expect(judged[0]!.map(({ endpoint }) => endpoint)).toEqual([a]);
    window.record(a, Outcome.Success, 1);
    window.close();
    expect(clock.pending).toBe(0);
    window.record(b, Outcome.Success, 1);
    clock.advance(1_000);
    expect(judged[1]!.map(({ endpoint }) => endpoint)).toEqual([b]);
  });

  it('blames the network where most failures had no answer', () => {
    expect(groundsOfTally({ unanswered: 2, failures: 3 })).toBe('unreachable');
    expect(groundsOfTally({ unanswered: 2, failures: 4 })).toBe('answers');
    expect(groundsOfTally({ unanswered: 0, failures: 3 })).toBe('answers');
  });

  it('has the mean and the deviation of the whole population', () => {
    expect(spread([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ mean: 5, stdev: 2 });
    expect(spread([3])).toEqual({ mean: 3, stdev: 0 });
  });
});

describe('how long an ejection lasts', () => {
  const make = (drawn = 0) => {
    const clock = new ManualClock(50_000);
    const history = new EjectionHistory(clock, { float: () => drawn } as never);
    /** Ejects it, and lets it return at the end. */
    const eject = (endpoint: Endpoint): number => {
      const forMs = history.nextMs(endpoint, TIMES);
      history.begin(endpoint, forMs, TIMES.baseEjectionMs);
      clock.advance(forMs);
      history.end(endpoint);
      return forMs;
    };
    return { clock, history, eject };
  };

  it('is once more the base with each, up to the maximum, for each endpoint by itself', () => {
    const { eject } = make();
    expect([eject(a), eject(a), eject(a), eject(a), eject(a)]).toEqual([1_000, 2_000, 3_000, 3_500, 3_500]);
    expect(eject(b)).toBe(1_000);
  });

  it('is one base less for each base in service', () => {
    const { eject, clock } = make();
    for (let i = 0; i < 3; i++) eject(a);
    clock.advance(999);
    expect(eject(a)).toBe(3_500);
    clock.advance(2_000);
    expect(eject(a)).toBe(3_000);
    clock.advance(1_000_000);
    expect(eject(a)).toBe(1_000);
  });

  it('counts service from when it returned, not before its time is over', () => {
    const { history, clock } = make();
    history.begin(a, 10_000, 1_000);
    clock.advance(5_000);
    expect(history.nextMs(a, TIMES)).toBe(2_000);
    history.end(a);
    clock.advance(1_000);
    expect(history.nextMs(a, TIMES)).toBe(1_000);
    history.end(b);
    history.begin(b, 0, 1_000);
    history.forget(b);
    expect(history.nextMs(b, TIMES)).toBe(1_000);
  });

  it('is longer by up to the jitter, also at the maximum', () => {
    const { history } = make(0.5);
    expect(history.nextMs(a, { ...TIMES, jitterRatio: 0.2 })).toBe(1_100);
    expect(history.nextMs(a, { ...TIMES, maxEjectionMs: 500, jitterRatio: 0.2 })).toBe(550);
  });
});

describe('the caps of ejections', () => {
  const out = (...grounds: ('answers' | 'unreachable' | 'withdrawn')[]) =>
    new Map(
      grounds.map((each, i) => [
        named(`${i}`, { withdrawn: each === 'withdrawn' }),
        { grounds: each === 'withdrawn' ? 'answers' : each },
      ]),
    ) as never;
  const RATIOS = { answers: 0.2, unreachable: 0.5 };

  it.each<['answers' | 'unreachable', never, number, boolean]>([
    ['answers', out(), 1, true],
    ['answers', out('answers'), 3, false],
    ['answers', out('answers'), 9, false],
    ['answers', out('answers'), 10, true],
    ['answers', out('answers', 'answers'), 10, false],
    ['answers', out('unreachable', 'unreachable'), 10, true],
    ['answers', out('unreachable', 'unreachable', 'unreachable', 'unreachable', 'unreachable'), 10, false],
    ['unreachable', out('answers', 'answers'), 10, true],
    ['unreachable', out('answers', 'answers', 'unreachable', 'unreachable'), 10, true],
    ['unreachable', out('answers', 'answers', 'unreachable', 'unreachable', 'unreachable'), 10, false],
    ['answers', out('withdrawn', 'withdrawn', 'withdrawn'), 3, true],
  ])('on %s let one more go, of those out, of %#', (grounds, already, members, may) => {
    expect(mayGo(grounds, already, members, RATIOS)).toBe(may);
  });

  it('are the higher one for all, where that of answers is', () => {
    expect(mayGo('answers', out('answers', 'unreachable'), 10, { answers: 0.5, unreachable: 0.1 })).toBe(true);
  });
});

describe('those that are kept in', () => {
  const live = (calls: number, inflight: number, failures: number, state = 'ready') =>
    ({ calls, inflight, failures, state }) as never as { calls: number; failures: number };

  it('are all while none of them has answered since', () => {
    const kept = new KeptIn(new ManualClock());
    const [x, y] = [live(10, 1, 5), live(7, 0, 7)];
    expect(kept.areAll([x] as never)).toBe(false);
    kept.add(x as never);
    kept.add(y as never);
    expect(kept.areAll([x, y, live(0, 0, 0, 'ejected')] as never)).toBe(true);
    y.calls++;
    y.failures++;
    expect(kept.areAll([x, y] as never)).toBe(true);
    y.calls++;
    expect(kept.areAll([x, y] as never)).toBe(false);
    kept.delete(y as never);
    expect(kept.areAll([x] as never)).toBe(true);
    kept.clear();
    expect(kept.areAll([x] as never)).toBe(false);
  });

  it('are looked for from the one that was not among them last', () => {
    const kept = new KeptIn(new ManualClock());
    let looks = 0;
    const members = Array.from({ length: 1_000 }, () => ({
      ...live(1, 0, 1),
      get state() {
        looks++;
        return 'ready';
      },
    })) as never[];
    for (const each of members.slice(0, -1)) {
      kept.add(each);
      expect(kept.areAll(members)).toBe(false);
    }
    // Past each of them once, and one look more for each that was added.
    expect(looks).toBeLessThan(2_500);
    kept.add(members.at(-1)!);
    expect(kept.areAll(members)).toBe(true);
    expect(kept.areAll([...members, live(1, 0, 0) as never])).toBe(false);
  });

  it('are complained of once a second each', () => {
    const clock = new ManualClock(5_000);
    const kept = new KeptIn(clock);
    const [x, y] = [live(0, 0, 0), live(0, 0, 0)];
    expect([kept.mayComplain(x as never), kept.mayComplain(x as never), kept.mayComplain(y as never)]).toEqual([
      ...[true, false, true],
    ]);
    clock.advance(999);
    expect(kept.mayComplain(x as never)).toBe(false);
    clock.advance(1);
    expect(kept.mayComplain(x as never)).toBe(true);
  });
});

describe('what adapters report', () => {
  const make = () => {
    const seen: string[] = [];
    const checks = new ReportedChecks({
      checked: ({ check, healthy }: { check: string; healthy: boolean }) => seen.push(`${check} ${healthy}`),
      changed: () => seen.push('changed'),
    } as never);
    let failing = 0;
    const endpoint = { countFailingChecks: (by: number) => (failing += by) } as never;
    const report = (by: object, healthy: boolean | undefined): void =>
      checks.report(endpoint, { by, check: 'mysql', healthy });
    return { seen, report, failing: () => failing };
  };

  it('counts once, however often it is said, and each takes back its own only', () => {
    const { seen, report, failing } = make();
    const [x, y] = [{}, {}];
    report(x, true);
    expect(seen).toEqual([]);
    report(x, false);
    report(x, false);
    report(y, false);
    expect(failing()).toBe(2);
    report(y, true);
    report(y, true);
    expect(failing()).toBe(1);
    report(x, true);
    expect(failing()).toBe(0);
    expect(seen).toEqual([
      ...['mysql false', 'changed', 'mysql false', 'changed', 'mysql true', 'changed', 'mysql true', 'changed'],
    ]);
  });

  it('is void, without a word, once its reporter looks no more', () => {
    const { seen, report, failing } = make();
    const by = {};
    report(by, undefined);
    report(by, false);
    report(by, undefined);
    expect([failing(), seen]).toEqual([0, ['mysql false', 'changed', 'changed']]);
  });
});
