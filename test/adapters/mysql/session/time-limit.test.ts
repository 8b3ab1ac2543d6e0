import type { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { Freshness } from '../../../../adapters/mysql/session/freshness.js';
import { Repeats } from '../../../../adapters/mysql/session/repeats.js';
import { ConsistencySession } from '../../../../adapters/mysql/session/write-history.js';
import { Router } from '../../../../adapters/mysql/statement/router.js';
import { VirtualConnection } from '../../../../adapters/mysql/virtual-connection.js';
import { FakeCluster } from '../../../support/fake-cluster.js';
import type { FakeMysql } from '../../../support/fake-mysql.js';

const LIMIT_MS = 200;
const CLEAN_WITHIN_MS = 1_000;

let test: FakeCluster;
let server: FakeMysql;
let told: (string | undefined)[];
const tell = (error: unknown): void => void told.push((error as { code?: string } | null)?.code ?? 'ok');

function connection(queryTimeoutMs = LIMIT_MS): VirtualConnection {
  const { cluster, clock } = test;
  const router = new Router({ primaryFunctions: [], override: undefined, database: undefined, hints: false });
  const session = new ConsistencySession(false, clock.now());
  const context = {
    cluster,
    freshness: new Freshness(cluster, 100),
    retryReads: false,
    repeats: new Repeats(clock),
    consistency: 'session',
    resetOnRelease: false,
    cleanWithinMs: CLEAN_WITHIN_MS,
    keepsInsertId: true,
    scope: () => undefined,
    forThread: () => undefined,
    session,
    clean: (_: unknown, done: (usable: boolean, clean: boolean) => void) => done(true, true),
  } as const;
  return new VirtualConnection({ router, config: {}, queryTimeoutMs, initStatements: [] }, context, () => {});
}

beforeEach(async () => {
  test = new FakeCluster(1, { acquireTimeoutMs: 10_000, probeIntervalMs: 60_000, connectionLimit: 1 });
  await test.pass(0);
  server = test.servers[0]!;
  told = [];
});

describe('a server that hangs holds no longer than queryTimeoutMs', () => {
  it.each<[string, (on: VirtualConnection) => unknown]>([
    ['ping()', (on) => on.ping(tell)],
    ['prepare()', (on) => on.prepare('SELECT ?', tell)],
    ['the preparing of execute()', (on) => on.execute('SELECT ?', [1], tell)],
    ['the preparing of a streamed execute()', (on) => (on.execute('SELECT ?', [1]) as EventEmitter).on('error', tell)],
    ['changeUser()', (on) => on.changeUser({ user: 'other' }, tell)],
  ])('%s, nor its place in the pool', async (_, run) => {
    const session = connection();
    session.query('SELECT 1', tell);
    await test.pass(0);
    expect(told).toEqual(['ok']);
    server.hangs = true;
    run(session);
    await test.pass(LIMIT_MS - 50);
    expect(told).toEqual(['ok']);
    await test.pass(100);
    expect(told).toEqual(['ok', 'PROTOCOL_SEQUENCE_TIMEOUT']);
    expect(server.connections.filter(({ stream }) => stream.destroyed)).toHaveLength(1);
    expect(test.inflight).toBe(0);
    server.resume();
    const next = connection();
    next.query('SELECT 1', tell);
    await test.pass(0);
    expect(told).toEqual(['ok', 'PROTOCOL_SEQUENCE_TIMEOUT', 'ok']);
  });

  it('not at all where there is none, as a query', async () => {
    const session = connection(0);
    session.query('SELECT 1', tell);
    await test.pass(0);
    server.hangs = true;
    session.ping(tell);
    await test.pass(60_000, 10_000);
    expect(told).toEqual(['ok']);
    server.resume();
    await test.pass(0);
    expect(told).toEqual(['ok', 'ok']);
  });

  it('what asks it whether it is there, after a statement was interrupted, has a limit in any case', async () => {
    const session = connection(0);
    session.query('SELECT 1', tell);
    await test.pass(0);
    server.answer = () => {
      server.hangs = true;
      return Object.assign(new Error('interrupted'), { errno: 1317, code: 'ER_QUERY_INTERRUPTED' });
    };
    session.query('SELECT SLEEP(10)', tell);
    await test.pass(CLEAN_WITHIN_MS - 50);
    expect(told).toEqual(['ok']);
    await test.pass(100);
    expect(told).toEqual(['ok', 'ETIMEDOUT']);
    expect(test.inflight).toBe(0);
  });
});
