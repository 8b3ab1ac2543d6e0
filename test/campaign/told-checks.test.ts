import { describe, expect, it } from 'vitest';
import { checkVersions } from '../../integration/campaign/checks/versions.js';
import type { Operation, Outcome } from '../../integration/campaign/history.js';
import {
  type FaultSpan,
  type RunRecord,
  type Schedule,
  SERVER_STARVED,
  type Violation,
} from '../../integration/campaign/part.js';
import { grpc } from '../../integration/campaign/parts/grpc/part.js';
import { checkHearing } from '../../integration/campaign/parts/redis/hearing.js';
import { checkHeldUp } from '../../integration/campaign/parts/redis/held-up.js';
import { redis } from '../../integration/campaign/parts/redis/part.js';
import { checkPlaces } from '../../integration/campaign/parts/redis/places.js';

let ids = 0;
interface By extends Partial<Operation> {
  readonly name: string;
}
/** One operation of a history by hand. */
const op = (by: By): Operation => ({
  id: `o${ids++}`,
  client: 'c0',
  worker: 0,
  key: 'k',
  input: undefined,
  output: undefined,
  outcome: 'ok' as Outcome,
  invokedMs: 0,
  endedMs: 1,
  ...by,
});
const fault = (kind: string, beganMs: number, overMs: number): FaultSpan => {
  return { kind, target: 0, atMs: beganMs, lastsMs: overMs - beganMs, beganMs, overMs };
};
const record = (operations: Operation[], faults: FaultSpan[] = [], schedule: Partial<Schedule> = {}): RunRecord => {
  const whole = { part: 'p', seed: 1, lastsMs: 1, options: {}, clients: 1, workers: 1, keys: 1, faults: [] };
  return { schedule: { ...whole, ...schedule }, operations, faults };
};
const promises = (violations: readonly Violation[]): string[] => violations.map(({ promise }) => promise);

describe('the checker of configurations', () => {
  const put = (key: string, valid: boolean, atMs: number): Operation =>
    op({ name: 'config-put', key, input: { valid, atMs }, invokedMs: 1_000 });
  const applied = (key: string, number: number, revision: string, invokedMs: number, client = 'c0'): Operation =>
    op({ name: 'config-applied', key, input: { number, revision }, invokedMs, client });
  const check = (...operations: Operation[]): string[] => promises(checkVersions(operations, { keepsState: true }));

  it('takes valid documents in the order of their revisions, some left out, each client for itself', () => {
    expect(
      check(
        put('5', true, 1),
        put('6', false, 2),
        put('7', true, 3),
        applied('5', 1, '3', 4),
        applied('7', 2, '9', 5),
        applied('5', 1, '3', 6, 'c1'),
      ),
    ).toEqual([]);
  });

  it.each<[string, Operation[]]>([
    ['an invalid document came into force', [put('5', false, 1), applied('5', 1, '3', 4)]],
    ['a document that was not written came into force', [applied('5', 1, '3', 4)]],
    ['a document came into force before it was written', [put('5', true, 9), applied('5', 1, '3', 4)]],
    ['versions do not count up', [put('5', true, 1), applied('5', 2, '3', 4), applied('5', 2, '4', 5)]],
    ['an older document followed a newer one', [put('5', true, 1), applied('5', 1, '3', 4), applied('5', 2, '2', 5)]],
  ])('%s', (promise, operations) => {
    expect(check(...operations)).toEqual([`configuration: ${promise}`]);
  });
});

describe('the checker of subscriptions', () => {
  const deaf = op({ name: 'publish', output: 0, invokedMs: 20_000, endedMs: 20_001 });

  it('finds a message that none heard while nothing was wrong, also on a server that joined long before', () => {
    expect(checkHearing(record([deaf]))).toHaveLength(1);
    expect(checkHearing(record([deaf], [fault('kill', 1_000, 2_000), fault('join', 3_000, 30_000)]))).toHaveLength(1);
  });

  it('takes one that was heard, one that failed, and what is missed under faults and right after changes', () => {
    expect(
      checkHearing(
        record([
          { ...deaf, output: 1 },
          { ...deaf, outcome: 'unknown' },
        ]),
      ),
    ).toEqual([]);
    expect(checkHearing(record([deaf], [fault('kill', 10_000, 16_000)]))).toEqual([]);
    expect(checkHearing(record([deaf], [fault('join', 3_000, 18_000)]))).toEqual([]);
  });
});

describe('the checker of places', () => {
  const at = (server: string, ...keys: string[]): Operation => op({ name: 'server-keys', key: server, output: keys });

  it('finds a key at two servers, once all clients have handed over', () => {
    const both = [at('s0', 'a', 'b'), at('s1', 'b')];
    expect(promises(checkPlaces(record([op({ name: 'handed-over' }), ...both])))).toEqual(['a key is at two servers']);
    expect(checkPlaces(record(both))).toEqual([]);
    expect(checkPlaces(record([op({ name: 'handed-over' }), at('s0', 'a'), at('s1', 'b')]))).toEqual([]);
  });
});

describe('the checker of what a server that hangs holds up', () => {
  const options = { mode: 'moving', handover: { settleMs: 1_000 } };
  const owners = (input: object): Operation => op({ name: 'owners', input });
  const known = [
    owners({ 'counter:0': 's0', 'counter:1': 's1', 'counter:2': 's2' }),
    owners({ 'counter:0': 's3', 'counter:1': 's3', 'counter:2': 's2' }),
  ];
  const incr = (key: string, invokedMs: number, endedMs: number, worker: number): Operation =>
    op({ name: 'incr', key, invokedMs, endedMs, worker });
  const others = Array.from({ length: 25 }, (_, i) => incr('counter:2', 11_100 + i, 11_101 + i, 1));
  const hang = { ...fault('swallow-amid', 10_000, 13_000), target: 1 };
  const check = (faults: FaultSpan[], ...operations: Operation[]): string[] =>
    promises(checkHeldUp(record([...known, ...operations], faults, { options })));
  const promise = 'a server that hangs holds up keys of others';

  it('finds a command of other servers that waits while others end', () => {
    expect(check([hang], incr('counter:0', 11_000, 12_500, 0), ...others)).toEqual([promise]);
  });

  it('takes one of that server, one where nothing ends, and one that waits for a change to be heard of', () => {
    expect(check([hang], incr('counter:1', 11_000, 12_500, 0), ...others)).toEqual([]);
    expect(check([hang], incr('counter:0', 11_000, 12_500, 0))).toEqual([]);
    const change = fault('join', 10_400, 20_000);
    expect(check([hang, change], incr('counter:0', 11_000, 12_500, 0), ...others)).toEqual([]);
    expect(check([hang, fault('kill', 9_000, 11_000)], incr('counter:0', 11_000, 12_500, 0), ...others)).toEqual([]);
  });
});

describe('a client that hears late', () => {
  const options = { mode: 'moving', late: true, handover: { settleMs: 1_000 } };
  const own = op({ name: 'incr', key: 'counter:1', input: 1, output: 1, invokedMs: 5_000, endedMs: 5_001 });
  const read = op({
    name: 'final-count',
    key: 'counter:1',
    output: null,
    client: 'c1',
    invokedMs: 90_000,
    endedMs: 90_001,
  });

  it('may lose what it wrote meanwhile, and no other may', () => {
    const late = [fault('late', 4_000, 9_000)];
    expect(redis.check(record([own, read], late, { options }))).toEqual([]);
    expect(promises(redis.check(record([{ ...own, client: 'c1' }, read], late, { options })))).toEqual([
      'counter: acknowledged write lost',
    ]);
  });
});

describe('the checker of streams that were left', () => {
  const left = op({ name: 'endless', key: 'e', input: { leaving: 'break' }, invokedMs: 0, endedMs: 100 });
  const later = op({ name: 'final-read', key: 'f', invokedMs: 60_000, endedMs: 60_001 });
  const over = (atMs: number): Operation =>
    op({ name: 'over', key: 'e', input: atMs, output: 'g0', invokedMs: 61_000 });

  it('wants its server to hear of it, unless a fault kept it from that', () => {
    const promise = 'a stream that was left went on at its server';
    expect(promises(grpc.check(record([left, later])))).toEqual([promise]);
    expect(promises(grpc.check(record([left, later, over(50_000)])))).toEqual([promise]);
    expect(grpc.check(record([left, later, over(200)]))).toEqual([]);
    expect(grpc.check(record([left, later], [fault('pause', 50, 3_000)]))).toEqual([]);
  });
});

describe('the checker of ejections', () => {
  const ejected = op({ name: 'ejected', key: 'g0', input: 'timeouts in a row', invokedMs: 20_000, endedMs: 20_001 });

  it('wants a cause at that server: a fault, or that it could not run', () => {
    const check = (...faults: FaultSpan[]): string[] => promises(grpc.check(record([ejected], faults)));
    const promise = 'a server without a fault was ejected';
    expect(check()).toEqual([promise]);
    expect(check(fault(SERVER_STARVED, 5_000, 6_000))).toEqual([promise]);
    expect(check({ ...fault(SERVER_STARVED, 18_000, 19_000), target: 1 })).toEqual([promise]);
    expect(check(fault(SERVER_STARVED, 18_000, 19_000))).toEqual([]);
  });
});

describe('the checker of restarts in good order', () => {
  const lost = (error: string): Operation =>
    op({ name: 'write', input: { timeoutMs: 3_000 }, outcome: 'unknown', error, invokedMs: 1_000, endedMs: 1_100 });
  const check = (error: string, faults: FaultSpan[], options = {}): string[] =>
    promises(grpc.check(record([lost(error)], faults, { options })));
  const stopped = (target: number): FaultSpan => ({ ...fault('stop', 900, 2_000), target });

  it('wants no call lost, unless all that a client knows are restarted, or its own limit refused it', () => {
    const gone = '14: 14 UNAVAILABLE: Connection dropped';
    expect(check(gone, [stopped(0)])).toEqual(['a call was lost to a restart in good order']);
    expect(check(gone, [stopped(0), stopped(1)])).toEqual(['a call was lost to a restart in good order']);
    expect(check(gone, [stopped(0), stopped(1)], { aperture: 2 })).toEqual([]);
    expect(check(gone, [stopped(0), stopped(1)], { config: true })).toEqual([]);
    expect(check('14: refused: as many as resilience.limits allows are in flight', [stopped(0)])).toEqual([]);
  });
});

describe('the checker of sessions that stay', () => {
  const at = (server: string, invokedMs: number, tookMs = 10): Operation =>
    op({
      name: 'read',
      input: { timeoutMs: 3_000, key: 'k' },
      output: { server },
      invokedMs,
      endedMs: invokedMs + tookMs,
    });
  const check = (...operations: Operation[]): string[] =>
    promises(grpc.check(record(operations, [], { options: { affinity: true } }))).filter((each) =>
      /session/.test(each),
    );

  it('finds one that left, and takes what a hedge may have answered, and an ejection', () => {
    expect(check(at('g0', 1_000), at('g1', 2_000))).toEqual(['a session left its server']);
    expect(check(at('g0', 1_000), at('g1', 2_000, 600), at('g0', 3_000))).toEqual([]);
    const ejected = op({ name: 'ejected', key: 'g0', invokedMs: 1_500, endedMs: 1_501 });
    expect(check(at('g0', 1_000), ejected, at('g1', 2_000))).toEqual([]);
  });
});
