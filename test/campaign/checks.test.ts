import { describe, expect, it } from 'vitest';
import { checkCauses } from '../../integration/campaign/checks/causes.js';
import { checkCollections, checkQueues } from '../../integration/campaign/checks/collections.js';
import { checkCounters } from '../../integration/campaign/checks/counters.js';
import { checkLocks } from '../../integration/campaign/checks/locks.js';
import { checkRegisters } from '../../integration/campaign/checks/registers.js';
import type { Operation, Outcome } from '../../integration/campaign/history.js';
import type { Violation } from '../../integration/campaign/part.js';

let ids = 0;
/** One operation of a history by hand, on the key k. */
function op(
  name: string,
  [invokedMs, endedMs]: readonly [number, number],
  outcome: Outcome,
  input: unknown = undefined,
  output: unknown = undefined,
  client = 'c0',
): Operation {
  return { id: `o${ids++}`, client, worker: 0, name, key: 'k', input, invokedMs, endedMs, outcome, output };
}

const promises = (violations: readonly Violation[]): string[] => violations.map(({ promise }) => promise);

const NEVER = Number.POSITIVE_INFINITY;

describe('the checker of counters', () => {
  const check = (...operations: Operation[]): string[] =>
    promises(checkCounters(operations, { adds: ['incr'], reads: ['read'] }));

  it('takes what is right: acknowledged, overlapping and unknown additions', () => {
    expect(
      check(
        op('incr', [0, 1], 'ok', 1, 1),
        op('incr', [2, 5], 'ok', 1, 3),
        op('incr', [2, 4], 'ok', 1, 2),
        op('incr', [6, NEVER], 'unknown', 1),
        op('read', [3, 4], 'ok', undefined, '1'),
        op('read', [7, 8], 'ok', undefined, '3'),
        op('read', [9, 10], 'ok', undefined, '4'),
        op('incr', [11, 12], 'fail', 1),
        op('read', [13, 14], 'ok', undefined, '4'),
      ),
    ).toEqual([]);
  });

  it.each<[string, string, Operation[]]>([
    [
      'a lost write',
      'counter: acknowledged write lost',
      [op('incr', [0, 1], 'ok', 1, 1), op('read', [2, 3], 'ok', undefined, null)],
    ],
    [
      'a write done twice',
      'counter: done twice, or although it failed',
      [op('incr', [0, 1], 'ok', 1, 1), op('read', [2, 3], 'ok', undefined, '2')],
    ],
    [
      'a write that failed for certain and happened',
      'counter: done twice, or although it failed',
      [op('incr', [0, 1], 'fail', 1), op('read', [2, 3], 'ok', undefined, '1')],
    ],
    [
      'an addition that forgets an earlier one',
      'counter: acknowledged write lost',
      [op('incr', [0, 1], 'ok', 1, 1), op('incr', [1.5, 1.7], 'ok', 1, 2), op('incr', [2, 3], 'ok', 1, 2)],
    ],
    [
      'two additions that saw one value',
      'counter: two additions saw one value',
      [op('incr', [0, 2], 'ok', 1, 1), op('incr', [1, 3], 'ok', 1, 1)],
    ],
  ])('finds %s', (_, promise, operations) => {
    expect(check(...operations)).toContain(promise);
  });
});

describe('the checker of registers', () => {
  const check = (operations: Operation[], options: object = {}): string[] =>
    promises(checkRegisters(operations, { writes: ['set'], reads: ['get'], ...options }));

  it('takes what is right: either of two writes at once, and what is unknown at any later time', () => {
    expect(
      check([
        op('get', [0, 1], 'ok', undefined, null),
        op('set', [2, 6], 'ok', 'a'),
        op('set', [3, 5], 'ok', 'b'),
        op('get', [4, 7], 'ok', undefined, 'b'),
        op('get', [8, 9], 'ok', undefined, 'a'),
        op('set', [10, 11], 'unknown', 'c'),
        op('set', [12, 13], 'ok', 'd'),
        op('get', [14, 15], 'ok', undefined, 'c'),
        op('set', [16, 17], 'ok', null),
        op('get', [18, 19], 'ok', undefined, null),
      ]),
    ).toEqual([]);
  });

  it.each<[string, string, Operation[]]>([
    [
      'a lost write',
      'register: acknowledged write lost',
      [op('set', [0, 1], 'ok', 'a'), op('get', [2, 3], 'ok', undefined, null)],
    ],
    [
      'an old value',
      'register: read older than what was acknowledged',
      [op('set', [0, 1], 'ok', 'a'), op('set', [2, 3], 'ok', 'b'), op('get', [4, 5], 'ok', undefined, 'a')],
    ],
    [
      'a deleted value that is back',
      'register: read older than what was acknowledged',
      [op('set', [0, 1], 'ok', 'a'), op('set', [2, 3], 'ok', null), op('get', [4, 5], 'ok', undefined, 'a')],
    ],
    [
      'a value that nobody wrote',
      'register: read what nobody wrote',
      [op('set', [0, 1], 'ok', 'a'), op('get', [4, 5], 'ok', undefined, 'b')],
    ],
    [
      'a write that failed for certain and happened',
      'register: what failed for certain has happened',
      [op('set', [0, 1], 'fail', 'a'), op('get', [4, 5], 'ok', undefined, 'a')],
    ],
    [
      'an unknown write that was seen, overwritten, and is back',
      'register: read older than what was acknowledged',
      [
        op('set', [0, 1], 'unknown', 'a'),
        op('get', [2, 3], 'ok', undefined, 'a'),
        op('set', [4, 5], 'ok', 'b'),
        op('get', [6, 7], 'ok', undefined, 'a'),
      ],
    ],
  ])('finds %s', (_, promise, operations) => {
    expect(check(operations)).toEqual([promise]);
  });

  it('lets a cache forget, and see the writes of others late; but not older than a write of its own', () => {
    const cache = { sees: 'own', mayForget: true };
    const set = op('set', [0, 1], 'ok', 'a');
    const other = op('set', [2, 3], 'ok', 'b', undefined, 'c1');
    const mine = op('set', [2, 3], 'ok', 'b');
    const late = op('get', [4, 5], 'ok', undefined, 'a');
    expect(check([set, other, late, op('get', [6, 7], 'ok', undefined, null)], cache)).toEqual([]);
    expect(check([set, mine, late], cache)).toEqual(['register: read older than what was acknowledged']);
  });
});

describe('the checker of collections', () => {
  const check = (...operations: Operation[]): string[] =>
    promises(checkCollections(operations, { adds: ['add'], reads: ['items'] }));
  const added = op('add', [0, 1], 'ok', 'a');

  it('takes what is right', () => {
    const unknown = op('add', [0, NEVER], 'unknown', 'b');
    expect(check(added, unknown, op('items', [2, 3], 'ok', undefined, ['a']))).toEqual([]);
    expect(check(added, unknown, op('items', [2, 3], 'ok', undefined, ['a', 'b']))).toEqual([]);
  });

  it.each<[string, string, Operation[]]>([
    ['a lost item', 'collection: acknowledged write lost', [added, op('items', [2, 3], 'ok', undefined, [])]],
    ['an item twice', 'collection: item twice', [added, op('items', [2, 3], 'ok', undefined, ['a', 'a'])]],
    [
      'what nobody added',
      'collection: item that nobody added',
      [added, op('items', [2, 3], 'ok', undefined, ['a', 'x'])],
    ],
    [
      'what failed for certain and happened',
      'collection: what failed for certain has happened',
      [op('add', [0, 1], 'fail', 'f'), op('items', [2, 3], 'ok', undefined, ['f'])],
    ],
  ])('finds %s', (_, promise, operations) => {
    expect(check(...operations)).toEqual([promise]);
  });
});

describe('the checker of queues', () => {
  const check = (...operations: Operation[]): string[] =>
    promises(checkQueues(operations, { puts: ['put'], takes: ['take'], left: ['left'] }));
  const put = op('put', [0, 1], 'ok', 'a');
  const left = (...items: string[]): Operation => op('left', [20, 21], 'ok', undefined, items);

  it('takes what is right: taken, left, or in the hands of a take of unknown end', () => {
    expect(check(put, op('take', [2, 3], 'ok', undefined, 'a'), left())).toEqual([]);
    expect(check(put, op('take', [2, 3], 'ok', undefined, null), left('a'))).toEqual([]);
    expect(check(put, op('take', [2, NEVER], 'unknown'), left())).toEqual([]);
  });

  it('finds an item that is taken twice, or taken and left', () => {
    const take = op('take', [2, 3], 'ok', undefined, 'a');
    expect(check(put, take, op('take', [4, 5], 'ok', undefined, 'a'), left())).toEqual(['queue: item taken twice']);
    expect(check(put, take, left('a'))).toEqual(['queue: item taken twice']);
  });

  it('finds an item that is gone, and one whose put failed for certain', () => {
    expect(check(put, left())).toEqual(['queue: acknowledged write lost']);
    expect(check(op('put', [0, 1], 'fail', 'b'), left('b'))).toEqual(['queue: what failed for certain has happened']);
  });
});

describe('the checker of locks', () => {
  const check = (...operations: Operation[]): string[] =>
    promises(checkLocks(operations, { acquires: ['lock'], releases: ['unlock'] }));
  const first = op('lock', [0, 1], 'ok', 'a', true);

  it('takes one holder after the other, and attempts that fail', () => {
    const again = op('lock', [4, 6], 'ok', 'b', true);
    expect(check(first, op('lock', [2, 3], 'ok', 'x', false), op('unlock', [5, NEVER], 'unknown', 'a'), again)).toEqual(
      [],
    );
  });

  it('finds two holders', () => {
    expect(check(first, op('lock', [2, 3], 'ok', 'b', true))).toEqual(['lock: two holders']);
    const later = op('unlock', [9, 10], 'ok', 'a');
    expect(check(first, later, op('lock', [2, 3], 'ok', 'b', true))).toEqual(['lock: two holders']);
  });

  it('takes a release that failed for certain for none', () => {
    const failed = op('unlock', [2, 3], 'fail', 'a');
    expect(check(first, failed, op('lock', [4, 5], 'ok', 'b', true))).toEqual(['lock: two holders']);
  });
});

describe('the checker of causes', () => {
  const fault = { kind: 'kill', target: 1, atMs: 0, lastsMs: 10, beganMs: 100, overMs: 110 };
  const check = (operation: Operation, concerns = true): string[] =>
    promises(checkCauses([operation], [fault], { graceMs: 50, concerns: () => concerns }));

  it('takes what failed while a fault was felt', () => {
    for (const times of [
      [90, 100],
      [105, 106],
      [160, 170],
    ] as const) {
      expect(check(op('get', times, 'fail'))).toEqual([]);
    }
    expect(check(op('get', [1, 2], 'ok'))).toEqual([]);
    expect(check(op('get', [1, NEVER], 'unknown'))).toEqual([]);
  });

  it('finds what failed before it, after it, and where it does not concern', () => {
    expect(check(op('get', [90, 99], 'fail'))).toHaveLength(1);
    expect(check(op('get', [161, 170], 'unknown'))).toHaveLength(1);
    expect(check(op('get', [105, 106], 'fail'), false)).toHaveLength(1);
  });
});
