import { describe, expect, it } from 'vitest';
import type { Operation, Outcome } from '../../integration/campaign/history.js';
import type { FaultSpan, RunRecord, Violation } from '../../integration/campaign/part.js';
import { checkCaps } from '../../integration/campaign/parts/calls/caps.js';
import { checkLine } from '../../integration/campaign/parts/calls/line.js';
import { checkRates } from '../../integration/campaign/parts/calls/rates.js';
import { checkHomes, checkMoves, checkShared } from '../../integration/campaign/parts/calls/sessions.js';

let ids = 0;
interface By extends Partial<Operation> {
  readonly name: string;
}
/** One operation of a history by hand. */
const op = (by: By): Operation => ({
  id: `o${ids++}`,
  client: 'c0',
  worker: 0,
  key: '',
  input: {},
  output: undefined,
  outcome: 'ok' as Outcome,
  invokedMs: 0,
  endedMs: (by.invokedMs ?? 0) + 1,
  ...by,
});

/** A call with one attempt. */
const call = (invokedMs: number, server: string, atMs: number, overMs: number, input: object = {}): Operation => {
  const attempts = [{ server, atMs, overMs }];
  return op({ name: 'call', input, output: { server, attempts }, invokedMs, endedMs: overMs + 0.1 });
};
const tells = (name: string, invokedMs: number, input: unknown, key = ''): Operation =>
  op({ name, key, input, invokedMs });

const record = (options: object, operations: Operation[], faults: FaultSpan[] = []): RunRecord => {
  const schedule = { part: 'calls', seed: 1, lastsMs: 1, clients: 1, workers: 1, keys: 1, faults: [] };
  const sorted = [...operations].sort((a, b) => a.invokedMs - b.invokedMs);
  return { schedule: { ...schedule, options: options as Record<string, unknown> }, operations: sorted, faults };
};
const promises = (violations: readonly Violation[]): string[] => violations.map(({ promise }) => promise);

describe('the checker of ejection caps', () => {
  const ejected = (why: string, out: object, more: object = {}): Operation =>
    tells('ejected', 1, { why, enforced: true, members: 5, out, ...more }, 'e1');
  const check = (event: Operation, options = {}): string[] => promises(checkCaps(record(options, [event])));

  it('takes one for its answers, and half that cannot be reached', () => {
    expect(check(ejected('answers', { e1: 'answers' }))).toEqual([]);
    expect(check(ejected('unreachable', { e1: 'unreachable', e2: 'answers' }))).toEqual([]);
    expect(check(ejected('answers', { e1: 'answers', e2: 'answers' }), { maxEjectionRatio: 0.4 })).toEqual([]);
    expect(check(ejected('answers', {}, { enforced: false, refusedBy: 'cap' }))).toEqual([]);
  });

  it.each([
    ['more are out for what they answered than may be', ejected('answers', { e1: 'answers', e2: 'answers' })],
    ['more are out than may be', ejected('unreachable', { e1: 'unreachable', e2: 'unreachable', e3: 'unreachable' })],
    [
      'one that answers is out, and one that cannot be reached is not',
      ejected('unreachable', { e2: 'answers', e3: 'unreachable' }, { enforced: false, refusedBy: 'cap' }),
    ],
  ])('%s', (promise, event) => {
    expect(check(event)).toEqual([`ejection: ${promise}`]);
  });
});

describe('the checker of calls that wait', () => {
  const options = { limits: { maxInflightPerEndpoint: 1, maxPending: 10 } };
  const inUse = (atMs: number, ...servers: string[]): Operation => tells('in-use', atMs, servers);
  const check = (...operations: Operation[]): string[] => promises(checkLine(record(options, operations)));

  it('takes those that begin when there is room, in their order', () => {
    expect(
      check(inUse(0, 'e0'), call(1, 'e0', 1, 2_000), call(10, 'e0', 2_001, 2_500), call(20, 'e0', 2_501, 2_600)),
    ).toEqual([]);
    expect(
      check(inUse(0, 'e0'), call(1, 'e0', 1, 2_000), inUse(1_000, 'e0', 'e1'), call(10, 'e1', 1_001, 1_500)),
    ).toEqual([]);
  });

  it('finds one that waited although a server had come', () => {
    expect(
      check(inUse(0, 'e0'), call(1, 'e0', 1, 2_000), inUse(1_000, 'e0', 'e1'), call(10, 'e0', 2_001, 2_500)),
    ).toEqual(['line: a call waited although there was room']);
  });

  it('finds one that was overtaken', () => {
    expect(
      check(inUse(0, 'e0'), call(1, 'e0', 1, 2_000), call(10, 'e0', 2_502, 2_600), call(20, 'e0', 2_001, 2_500)),
    ).toEqual(['line: a call was overtaken by one that came later']);
  });
});

describe('the checker of rates by key', () => {
  const options = (capacity?: number) => ({ ratePerKey: { perSecond: 2, burst: 3, capacity } });
  const by = (clientKey: string, atMs: number): Operation => call(atMs, 'e0', atMs, atMs + 1, { clientKey });
  const refused = (clientKey: string, invokedMs: number): Operation =>
    op({ name: 'call', input: { clientKey }, outcome: 'fail', error: 'FAIRLEAD_RATE_LIMITED: …', invokedMs });
  const check = (capacity: number | undefined, ...operations: Operation[]): string[] =>
    promises(checkRates(record(options(capacity), operations)));
  const burst = (key: string, atMs: number, count: number): Operation[] =>
    Array.from({ length: count }, (_, i) => by(key, atMs + i));

  it('takes a burst, what comes back with time, and refusals of what was spent', () => {
    expect(check(undefined, ...burst('a', 0, 3), refused('a', 10), by('a', 1_000), by('b', 11))).toEqual([]);
    expect(check(2, ...burst('a', 0, 3), ...burst('b', 10, 3), refused('c', 20))).toEqual([]);
  });

  it.each<[string, number | undefined, Operation[]]>([
    ['a key got more than its rate', undefined, burst('a', 0, 4)],
    ['a call was refused whose key had a token', undefined, [by('a', 0), refused('a', 500)]],
    ['a call was refused whose key had a token', 2, [by('a', 0), refused('b', 5_000)]],
  ])('%s', (promise, capacity, operations) => {
    expect(check(capacity, ...operations)).toEqual([`rate: ${promise}`]);
  });

  it('finds made-up keys that each got a bucket', () => {
    const made = Array.from({ length: 12 }, (_, i) => by(`made-up ${i}`, i));
    expect(new Set(check(2, ...made))).toEqual(new Set(['rate: keys that were made up got more than theirs']));
  });
});

describe('the checkers of sessions', () => {
  const mine = { key: 'c0/1', hash: 'h' };
  const options = { sessions: 'store', limits: { maxInflightPerEndpoint: 1 } };
  const at = (server: string, atMs: number, input: object = mine): Operation =>
    call(atMs, server, atMs, atMs + 5, input);
  const moved = (atMs: number, from: string, to: string, reason: string): Operation =>
    tells('moved', atMs, { from, to, reason }, 'h');
  const homes = (...operations: Operation[]): string[] => promises(checkHomes(record(options, operations)));
  const moves = (...operations: Operation[]): string[] => promises(checkMoves(record(options, operations)));
  const elsewhere = ['session: it went elsewhere, and was not moved'];

  it('take a session that stays, moves once, or is served elsewhere while its server is full', () => {
    expect(homes(at('e0', 0), at('e0', 100), moved(199, 'e0', 'e1', 'departed'), at('e1', 200), at('e1', 300))).toEqual(
      [],
    );
    expect(homes(at('e0', 0), call(100, 'e0', 100, 900), at('e1', 500), at('e0', 1_000))).toEqual([]);
  });

  it('find one that strays, and one that goes back', () => {
    expect(homes(at('e0', 0), at('e1', 500))).toEqual(elsewhere);
    expect(homes(at('e0', 0), moved(99, 'e0', 'e1', 'departed'), at('e1', 100), at('e0', 900))).toEqual(elsewhere);
  });

  it('find one that is moved because its server was full, or although that is in use', () => {
    const inUse = tells('in-use', 0, ['e0', 'e1']);
    expect(moves(inUse, at('e0', 10), moved(500, 'e0', 'e1', 'tried'), at('e1', 501))).toEqual([
      'session: it was moved without a reason',
    ]);
    expect(moves(inUse, at('e0', 10), moved(500, 'e0', 'e1', 'unavailable'))).toHaveLength(1);
    const failed = op({
      name: 'call',
      input: mine,
      invokedMs: 400,
      endedMs: 600,
      output: {
        attempts: [
          { server: 'e0', atMs: 400, overMs: 490 },
          { server: 'e1', atMs: 501 },
        ],
      },
    });
    expect(moves(inUse, failed, moved(500, 'e0', 'e1', 'tried'))).toEqual([]);
    expect(moves(inUse, tells('in-use', 300, ['e1']), moved(500, 'e0', 'e1', 'unavailable'))).toEqual([]);
  });

  it('find a store that has another server than its clients', () => {
    const final = op({ name: 'final-session', key: 'shared/0', input: { hash: 'h' }, output: { server: 'e0' } });
    const stored = (id: string): Operation => op({ name: 'stored', key: 'h', output: id, invokedMs: 900 });
    expect(promises(checkShared(record(options, [final, stored('e1')])))).toHaveLength(1);
    expect(checkShared(record(options, [final, stored('e0')]))).toEqual([]);
  });
});
