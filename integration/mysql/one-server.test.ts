import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Mariadb,
  type Mysql,
  SQL_USERS,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
} from '../harness/index.js';
import { until } from '../harness/until.js';
import { pause } from './load.js';
import { poolOver, type TestCluster } from './support.js';

/** Runs until it is ended, and says how it ended. */
const LONG = 'SELECT COUNT(*) AS n FROM t a, t b, t c, t d WHERE a.id + b.id + c.id + d.id = -1';

const codeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'ended well',
    (error: { code?: unknown }) => error.code,
  );

/**
 * Another client's connection to this server, with just this thread id where one is given, and the
 * sleep that it runs.
 */
async function sleeperWith(server: SqlServer, threadId?: number): Promise<{ slept: Promise<unknown>; end(): void }> {
  for (;;) {
    const { host, port } = server;
    const connection = await createConnection({ host, port, ...SQL_USERS.app });
    if (connection.threadId > (threadId ?? Infinity)) throw new Error(`thread ids are beyond ${threadId} already`);
    if (threadId !== undefined && connection.threadId < threadId) {
      connection.destroy();
      continue;
    }
    const slept = connection.query<RowDataPacket[]>('SELECT SLEEP(2) AS s').then(([rows]) => rows[0]!.s as unknown);
    // It may be ended before it is awaited.
    slept.catch(() => {});
    return { slept, end: () => connection.destroy() };
  }
}

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>],
] as const)('what is about one server, on %s', (flavor, start) => {
  let topology: SqlTopology<Mysql | Mariadb>;
  let cluster: TestCluster;
  beforeAll(async () => {
    topology = await start();
    cluster = poolOver(topology);
    const rows = Array.from({ length: 300 }, (_, i) => [`row ${i}`]);
    await cluster.pool.query('INSERT INTO t (v) VALUES ?', [rows]);
    await topology.caughtUp();
    await pause(300);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await topology?.[Symbol.asyncDispose]();
  });

  it('ends the statement of a thread id on the server where that connection is', async () => {
    const { pool } = cluster;
    // A replica has seen more connections by now than the primary: its ids are ahead.
    for (let i = 0; i < 60; i++) await topology.replicas[0]!.sql('SELECT 1');
    const connection = await pool.getConnection();
    await connection.query({ sql: 'SELECT 1', route: { endpoint: 'db1' } });
    const id = connection.threadId;
    const other = await sleeperWith(topology.primary, id);
    const ended = codeOf(connection.query({ sql: LONG, route: { endpoint: 'db1' } }));
    await pause(200);
    await pool.query('KILL QUERY ?', [id]);
    expect(await ended).toBe('ER_QUERY_INTERRUPTED');
    expect(await other.slept).toBe(0);
    other.end();
    connection.release();
  });

  it('sends KILL of an id that is none of ours to the primary, where the list of what runs comes from', async () => {
    const { pool } = cluster;
    await expect(pool.query('KILL QUERY 4000000000')).rejects.toMatchObject({ code: 'ER_NO_SUCH_THREAD' });
    const other = await sleeperWith(topology.primary);
    const id = await until('the other statement runs', async () => {
      const [list] = await pool.query<RowDataPacket[]>(
        "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(2)%'",
      );
      return list[0]?.id as number | undefined;
    });
    await pool.query('KILL QUERY ?', [id]);
    // SLEEP says that it was ended: by 1, or on MariaDB by an error.
    expect(await other.slept.catch(() => 1)).toBe(1);
    other.end();
  });

  it('cancels what a connection runs, and nothing after it', async () => {
    await using small = poolOver(topology, { connectionLimit: 1, minIdle: 1 });
    const { pool } = small;
    const connection = await pool.getConnection();
    expect(await connection.cancel()).toBe(false);
    for (const [sql, route] of [
      [LONG, 'replica'],
      [LONG, 'primary'],
    ] as const) {
      const ended = codeOf(connection.query({ sql, route }));
      const next = connection.query<RowDataPacket[]>({ sql: 'SELECT SLEEP(0.05) AS s', route });
      await pause(200);
      // The one connection that the limit allows is the one that is busy.
      expect(await connection.cancel()).toBe(true);
      expect(await ended).toBe('ER_QUERY_INTERRUPTED');
      expect((await next)[0]).toEqual([{ s: 0 }]);
    }
    // Within a transaction, which goes on.
    await connection.beginTransaction();
    await connection.query("INSERT INTO t (v) VALUES ('kept')");
    const ended = codeOf(connection.query(LONG));
    await pause(200);
    await connection.cancel();
    expect(await ended).toBe('ER_QUERY_INTERRUPTED');
    await connection.commit();
    const [rows] = await connection.query<RowDataPacket[]>("SELECT COUNT(*) AS n FROM t WHERE v = 'kept'");
    expect(rows).toEqual([{ n: 1 }]);
    connection.release();
  });

  it('hits nobody else’s statement, however late a cancellation comes', async () => {
    await using small = poolOver(topology, { connectionLimit: 2 });
    const { pool } = small;
    let hit = 0;
    for (let i = 0; i < 60; i++) {
      const connection = await pool.getConnection();
      // Over in about as long as the cancellation takes.
      const quick = connection.query(`SELECT SLEEP(0.00${i % 5})`).catch(() => {});
      const cancelled = connection.cancel();
      await quick;
      connection.release();
      const others = [1, 2].map(() => pool.query<RowDataPacket[]>('SELECT SLEEP(0.01) AS s'));
      for (const other of await Promise.allSettled(others)) {
        if (other.status === 'rejected' || other.value[0][0]!.s !== 0) hit++;
      }
      await cancelled;
    }
    expect(hit).toBe(0);
  });

  it('runs on the server that is named, if the session is free to go there', async () => {
    const { pool } = cluster;
    for (const [i, server] of [topology.primary, ...topology.replicas].entries()) {
      const route = { endpoint: `db${i}` };
      const [rows] = await pool.query<RowDataPacket[]>({ sql: 'SELECT @@port AS port', route });
      expect(rows).toEqual([{ port: server.port }]);
      const [again] = await pool.withRoute(route, () => pool.execute<RowDataPacket[]>('SELECT @@port AS port'));
      expect(again).toEqual([{ port: server.port }]);
    }
    await expect(pool.query({ sql: 'SELECT 1', route: { endpoint: 'db9' } })).rejects.toMatchObject({
      code: 'FAIRLEAD_NO_ENDPOINT',
      message: expect.stringContaining("no server 'db9' to run this on: there are db0, db1, db2") as string,
    });
    await expect(pool.query({ sql: 'SELECT 1', route: { endpoint: '' } })).rejects.toThrow('query.route');
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await expect(connection.query({ sql: 'SELECT 1', route: { endpoint: 'db1' } })).rejects.toMatchObject({
      code: 'FAIRLEAD_UNROUTABLE',
      message: expect.stringContaining("on 'db0'") as string,
    });
    await connection.query("INSERT INTO t (v) VALUES ('goes on')");
    await connection.rollback();
    connection.release();
  });

  it('reads tables about one server on the primary, all of them', async () => {
    const { pool } = cluster;
    const sql =
      flavor === 'MySQL'
        ? "SELECT VARIABLE_VALUE AS port FROM `performance_schema`.global_variables WHERE VARIABLE_NAME = 'port'"
        : "SELECT VARIABLE_VALUE AS port FROM information_schema.`GLOBAL_VARIABLES` WHERE VARIABLE_NAME = 'PORT'";
    const results = await Promise.all(Array.from({ length: 20 }, () => pool.query<RowDataPacket[]>(sql)));
    expect(new Set(results.map(([rows]) => Number(rows[0]!.port)))).toEqual(new Set([topology.primary.port]));
  });
});
