import { ManualClock } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';
import { AlertState, type Patience } from '../../src/monitor/alert-state.js';
import { configComparisons } from '../../src/monitor/config-comparison.js';
import { meshHealth, whileDraining } from '../../src/monitor/health.js';
import { EjectionRate } from '../../src/monitor/rules/ejection-rate.js';
import { endpointFindings } from '../../src/monitor/rules/endpoints.js';
import type { Finding } from '../../src/monitor/rules/finding.js';
import { Silences } from '../../src/monitor/silences.js';
import type { ServiceSnapshot } from '../../src/monitor/snapshot.js';

const finding = (bad: boolean | undefined, text = 'it is so'): Finding => ({
  ...{ rule: 'error_rate', severity: 'warning', subject: 'users', bad, text, value: 1 },
});

describe('an alert', () => {
  const make = (patience: Partial<Patience> = {}) => {
    const state = new AlertState(finding(false), { raiseAfter: 2, clearAfter: 3, againMs: 1_000, ...patience });
    let nowMs = 0;
    const look = (bad: boolean | undefined, silenced = false, afterMs = 10): string | undefined => {
      nowMs += afterMs;
      return state.look(finding(bad, `at ${nowMs}`), nowMs, nowMs + 500_000, silenced);
    };
    return { state, look };
  };

  it('is raised after so many looks in a row, and over after so many', () => {
    const { look, state } = make();
    expect([look(true), look(false), look(true), look(true)]).toEqual([undefined, undefined, undefined, 'raised']);
    expect(state.alert(false)).toEqual({
      ...{ rule: 'error_rate', severity: 'warning', subject: 'users', text: 'at 40', value: 1 },
      ...{ sinceMs: 500_040, silenced: false },
    });
    expect([look(false), look(false), look(true), look(false), look(false)]).toEqual(Array(5).fill(undefined));
    expect([state.firing, look(false), state.firing]).toEqual([true, 'cleared', false]);
  });

  it('is neither raised nor over by a look without evidence', () => {
    const { look, state } = make();
    expect([look(true), look(undefined), look(undefined), look(true)]).toEqual([...Array(3).fill(undefined), 'raised']);
    expect([look(false), look(false), look(undefined), look(undefined)]).toEqual(Array(4).fill(undefined));
    expect([state.firing, look(false)]).toEqual([true, 'cleared']);
  });

  it('keeps what was bad last while it goes on', () => {
    const { look, state } = make({ raiseAfter: 1 });
    look(true);
    look(false);
    expect(state.alert(true)).toMatchObject({ text: 'at 10', silenced: true });
    look(true);
    expect(state.alert(false).text).toBe('at 30');
  });

  it('is told of again after its time, then after twice that, and never later than four hours', () => {
    const { look } = make({ raiseAfter: 1, againMs: 1_000 });
    expect(look(true)).toBe('raised');
    expect([look(true, false, 999), look(true, false, 1)]).toEqual([undefined, 'still']);
    expect([look(true, false, 1_999), look(true, false, 1)]).toEqual([undefined, 'still']);
    for (let i = 0; i < 20; i++) look(true, false, 14_400_000);
    expect([look(true, false, 14_399_999), look(true, false, 1)]).toEqual([undefined, 'still']);
  });

  it('of which nothing was sent is not told to be over', () => {
    const { look, state } = make({ raiseAfter: 1, clearAfter: 1 });
    expect([look(true, true), state.firing, look(false)]).toEqual([undefined, true, undefined]);
    expect([look(true), look(false, true)]).toEqual(['raised', undefined]);
    expect([look(true, true), look(true)]).toEqual([undefined, 'raised']);
  });
});

describe('a silence', () => {
  const make = () => {
    const clock = new ManualClock(1_000);
    return { clock, silences: new Silences(clock) };
  };
  const alert = { rule: 'error_rate', subject: 'users' };

  it.each<[object, boolean]>([
    [{}, true],
    [{ rule: 'error_rate' }, true],
    [{ rule: 'panic' }, false],
    [{ subject: 'users' }, true],
    [{ subject: 'orders' }, false],
    [{ rule: 'error_rate', subject: 'users' }, true],
    [{ rule: 'error_rate', subject: 'orders' }, false],
  ])('of %j covers an alert of that rule and subject: %s', (of, covers) => {
    const { silences } = make();
    expect(silences.covers(alert)).toBe(false);
    silences.add({ forMs: 1_000, ...of } as never);
    expect(silences.covers(alert)).toBe(covers);
  });

  it('holds until its time is over, by the clock that does not jump', () => {
    const { clock, silences } = make();
    const id = silences.add({ forMs: 1_000, by: 'me', reason: 'work' });
    const wallMs = clock.wallMs();
    expect(silences.active).toEqual([
      { id, rule: undefined, subject: undefined, by: 'me', reason: 'work', untilMs: wallMs + 1_000 },
    ]);
    clock.advance(999);
    expect(silences.covers(alert)).toBe(true);
    clock.advance(1);
    expect([silences.covers(alert), silences.active, silences.end(id)]).toEqual([false, [], false]);
  });

  it('ends by its id, once, and leaves the others', () => {
    const { silences } = make();
    const [first, second] = [silences.add({ forMs: 1_000 }), silences.add({ forMs: 1_000, subject: 'users' })];
    expect([silences.end(first), silences.end(first)]).toEqual([true, false]);
    expect(silences.active.map(({ id }) => id)).toEqual([second]);
  });

  it('is refused without an end, or of what is no rule', () => {
    const { silences } = make();
    expect(() => silences.add({} as never)).toThrow(/silence\.forMs is undefined: allowed is a number from 1/);
    expect(() => silences.add({ forMs: 0 })).toThrow(/silence\.forMs is 0/);
    expect(() => silences.add({ forMs: 1, rule: 'errors' as never })).toThrow(/silence\.rule is "errors"/);
    expect(() => silences.add({ forMs: 1, until: 7 } as never)).toThrow(/silence\.until is not an option/);
  });
});

const endpoint = (more: object = {}) => ({ listed: true, state: 'ready', reason: null, ...more });
const service = (more: object = {}): ServiceSnapshot =>
  ({
    ...{ name: 'users', ready: 2, closed: false, removed: null, panic: false, ejections: {} },
    ...{ discovery: { ageMs: 5, error: null, source: 'static' }, endpoints: [endpoint(), endpoint()] },
    ...more,
  }) as never;
const away = { ageMs: null, error: 'away', source: 'consul' };

describe('the health of a service', () => {
  const of = (more: object, alerts: object[] = []): string => {
    const { subjects } = meshHealth({ services: [service(more)] } as never, alerts as never, undefined);
    return `${subjects[0]!.status}: ${subjects[0]!.reason}`;
  };

  it.each<[object, string]>([
    [{}, 'ready: null'],
    [{ closed: true }, 'down: it is closed'],
    [{ ready: 0, endpoints: [] }, 'down: discovery lists no endpoint'],
    [{ ready: 0, discovery: away }, 'down: no endpoint, and discovery fails: away'],
    [{ ready: 0, discovery: { ...away, error: null } }, 'down: discovery has not answered yet'],
    [{ ready: 0, endpoints: [endpoint(), endpoint({ listed: false })] }, 'down: each of 1 endpoints is in a lane'],
    [
      { ready: 0, endpoints: ['x', 'x', 'y', null, 'z'].map((reason) => endpoint({ state: 'ejected', reason })) },
      'down: none of 5 endpoints is usable: x; y; out of reach',
    ],
    [{ panic: true }, 'degraded: so few endpoints are healthy that health is ignored'],
    [{ ready: 1 }, 'degraded: one of 2 endpoints is usable'],
    [{ ready: 1, endpoints: [endpoint(), endpoint({ listed: false })] }, 'ready: null'],
    [{ discovery: away }, 'degraded: discovery fails: away'],
    [{ discovery: { ...away, ageMs: 7 } }, 'ready: null'],
  ])('that is %j is %s', (more, health) => {
    expect(of(more)).toBe(health);
  });

  it('is degraded by an alert about it, and by none about others', () => {
    expect(of({}, [{ subject: 'users', text: 'it is slow' }])).toBe('degraded: it is slow');
    expect(of({}, [{ subject: 'orders', text: 'it is slow' }])).toBe('ready: null');
  });
});

describe('the health of a mesh', () => {
  const of = (needs: readonly string[] | undefined, alerts: object[] = []) =>
    meshHealth(
      {
        services: [
          service(),
          service({ name: 'orders', ready: 0, endpoints: [] }),
          service({ name: 'old', removed: 'it was removed' }),
        ],
      } as never,
      alerts as never,
      needs,
    );

  it('is the gravest of all that were not removed, or of those that are needed', () => {
    expect(of(undefined)).toMatchObject({ status: 'down', subjects: [{ name: 'users' }, { name: 'orders' }] });
    expect(of(['users']).status).toBe('ready');
    expect(of(['users', 'old'])).toMatchObject({ status: 'down' });
    expect(of(['old']).subjects.at(-1)).toEqual({ name: 'old', status: 'down', reason: 'it was removed' });
    expect(meshHealth({ services: [] } as never, [], undefined)).toEqual({ status: 'ready', subjects: [] });
  });

  it('is down while what is needed was not made', () => {
    expect(of(['users', 'later'])).toMatchObject({ status: 'down' });
    expect(of(['later']).subjects.at(-1)).toEqual({ name: 'later', status: 'down', reason: 'it was not made yet' });
  });

  it('tells of parts that alerts are about, once each, as degraded', () => {
    const alerts = ['mysql orders', 'mysql orders', 'users'].map((subject, i) => ({ subject, text: `text ${i}` }));
    const health = meshHealth({ services: [service()] } as never, alerts as never, undefined);
    expect(health.subjects).toEqual([
      { name: 'users', status: 'degraded', reason: 'text 2' },
      { name: 'mysql orders', status: 'degraded', reason: 'text 0' },
    ]);
    expect(health.status).toBe('degraded');
  });

  it('is down while the mesh closes, whatever its services are like', () => {
    expect(whileDraining(of(['users']))).toMatchObject({
      status: 'down',
      subjects: [
        { name: 'mesh', status: 'down', reason: 'the mesh is closing' },
        { name: 'users' },
        { name: 'orders' },
      ],
    });
  });
});

describe('ejections within a minute', () => {
  const at = (rate: EjectionRate, total: number, atMs: number, name = 'users'): number =>
    rate.lastMinute(service({ name, ejections: { a: total - 1, b: 1 } }), atMs);

  it('are those since the last look before it', () => {
    const rate = new EjectionRate();
    expect(at(rate, 3, 0)).toBe(3);
    expect(at(rate, 5, 30_000)).toBe(5);
    expect(at(rate, 6, 60_000)).toBe(3);
    expect(at(rate, 6, 89_999)).toBe(3);
    expect(at(rate, 6, 90_000)).toBe(1);
    expect(at(rate, 6, 120_000)).toBe(0);
    expect(at(rate, 9, 120_000, 'orders')).toBe(9);
  });

  it('begin anew with a restart', () => {
    const rate = new EjectionRate();
    at(rate, 3, 0);
    rate.restart([service({ ejections: { a: 7 } })], 1_000);
    expect(at(rate, 9, 2_000)).toBe(2);
  });
});

describe('what is found of endpoints', () => {
  const LIMITS = { ejectionsPerMinute: 3, discoveryAgeMs: 60_000 } as never;
  const bad = (more: object, ejections = 0, awakeMs = 1e9): string[] =>
    endpointFindings(service(more), ejections, awakeMs, LIMITS)
      .filter((each) => each.bad)
      .map(({ rule, severity, value, text }) => `${rule} ${severity} ${value}: ${text}`);

  it.each<[object, number, string[]]>([
    [{}, 2, []],
    [{ closed: true, ready: 0 }, 9, []],
    [{ ready: 0 }, 0, ['no_endpoint critical 0: users has no usable endpoint of 2 that are listed']],
    [{ ready: 1 }, 0, ['single_endpoint warning 1: users has one usable endpoint left of 2 that are listed']],
    [{ ready: 1, endpoints: [endpoint()] }, 0, []],
    [{ panic: true }, 0, ['panic critical 2: so few endpoints of users are healthy that health is ignored']],
    [{}, 3, ['ejection_storm warning 3: 3 ejections of endpoints of users within a minute']],
    [
      { discovery: { ...away, ageMs: 60_001 } },
      0,
      ['stale_discovery warning 60.001: discovery of users by consul fails, and its list is 60 s old: away'],
    ],
    [{ discovery: { ...away, ageMs: 60_000 } }, 0, []],
    [{ discovery: { ...away, ageMs: 90_000, error: null } }, 0, []],
    [
      { discovery: away },
      0,
      ['stale_discovery warning null: discovery of users by consul fails, and it never had a list: away'],
    ],
  ])('where it is %j, with %i ejections', (more, ejections, found) => {
    expect(bad(more, ejections)).toEqual(found);
  });

  it('is no old list while the process slept', () => {
    expect(bad({ discovery: { ...away, ageMs: 90_000 } }, 0, 60_000)).toEqual([]);
  });
});

describe('a configuration that is compared', () => {
  it('has its services before and after, whatever their names', () => {
    const figures = {
      comparedVersion: 7,
      'callsBefore users': 10,
      'failureRatioBefore users': 0.1,
      'p50MsBefore users': 3,
      'callsAfter a b\nc': 20,
      'p99MsAfter a b\nc': 9,
      other: 1,
    };
    expect(configComparisons([{ kind: 'config', figures } as never])).toEqual([
      { version: 7, service: 'users', when: 'before', calls: 10, failureRatio: 0.1, p50Ms: 3, p99Ms: null },
      { version: 7, service: 'a b\nc', when: 'after', calls: 20, failureRatio: null, p50Ms: null, p99Ms: 9 },
    ]);
  });

  it('is none before the first comparison, nor of other parts', () => {
    const figures = { 'callsBefore users': 10 };
    expect(configComparisons([{ kind: 'config', figures } as never])).toEqual([]);
    expect(configComparisons([{ kind: 'mysql', figures: { ...figures, comparedVersion: 1 } } as never])).toEqual([]);
  });
});
