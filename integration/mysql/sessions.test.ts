import { inspect } from 'node:util';
import { createPool as createCallbackPool } from 'fairlead/mysql';
import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql } from '../harness/index.js';
import { poolOver, type TestCluster, type TestPool } from './support.js';

let topology: SqlTopology<Mysql>;
let cluster: TestCluster;
let pool: TestPool;

beforeAll(async () => {
  topology = await startMysql();
});
afterAll(() => topology?.[Symbol.asyncDispose]());
beforeEach(() => {
  cluster = poolOver(topology, {
    connectionLimit: 2,
    multipleStatements: true,
    acquireTimeoutMs: 3_000,
    consistencyWaitMs: 5_000,
  });
  pool = cluster.pool;
});
afterEach(async () => {
  // A session with state is reset after its release.
  await idle();
  expect(Object.values(pool.stats()).map(({ busy, waiting }) => busy + waiting)).toEqual([0, 0, 0]);
  await cluster[Symbol.asyncDispose]();
});

async function idle(): Promise<void> {
  for (let i = 0; i < 100 && Object.values(pool.stats()).some(({ busy }) => busy > 0); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The value of the one column of the one row. */
async function value(from: Pick<TestPool, 'query'>, sql: unknown, values?: unknown[]): Promise<unknown> {
  const [rows] = await from.query<RowDataPacket[]>(sql as string, values);
  return Object.values(rows[0] ?? {})[0];
}

/** Where a statement of this connection runs, told by a read that would go anywhere. */
const onPrimary = async (from: Pick<TestPool, 'query'>): Promise<boolean> =>
  Number(await value(from, "SELECT SUM(v = 'primary') FROM where_am_i")) === 1;

/** Until then reads go to the primary, if that is known. */
async function untilReplicasAreKnown(): Promise<void> {
  for (let i = 0; i < 100 && (await onPrimary(pool)); i++) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('a session', () => {
  beforeAll(async () => {
    await topology.primary.sql(`CREATE TABLE ${topology.database}.where_am_i (v VARCHAR(64))`);
    await topology.caughtUp();
    // On the primary only: no replica has the row.
    await topology.primary.sql(`SET sql_log_bin = 0; INSERT INTO ${topology.database}.where_am_i VALUES ('primary')`);
  });

  it('reads on replicas, and on the primary inside a transaction', async () => {
    await untilReplicasAreKnown();
    expect(await onPrimary(pool)).toBe(false);
    const connection = await pool.getConnection();
    expect(await onPrimary(connection)).toBe(false);
    await connection.beginTransaction();
    expect(await onPrimary(connection)).toBe(true);
    await connection.commit();
    expect(await onPrimary(connection)).toBe(false);
    connection.release();
  });

  it('runs a read-only transaction on a replica', async () => {
    await untilReplicasAreKnown();
    const connection = await pool.getConnection();
    await connection.query('START TRANSACTION READ ONLY');
    expect(await onPrimary(connection)).toBe(false);
    await expect(connection.query("INSERT INTO t (v) VALUES ('x')")).rejects.toThrow(/read-only/);
    await connection.query('COMMIT');
    connection.release();
  });

  it('stays in the transaction that COMMIT AND CHAIN begins, and leaves it where DDL commits implicitly', async () => {
    await untilReplicasAreKnown();
    const connection = await pool.getConnection();
    await connection.query('BEGIN');
    await connection.query('COMMIT AND CHAIN');
    expect(await onPrimary(connection)).toBe(true);
    await connection.query('CREATE TABLE IF NOT EXISTS ddl (a INT)');
    expect(await onPrimary(connection)).toBe(false);
    connection.release();
  });

  it('is a transaction without BEGIN while autocommit is off', async () => {
    const connection = await pool.getConnection();
    await connection.query('SET autocommit = 0');
    await connection.query("INSERT INTO t (v) VALUES ('uncommitted')");
    expect(await value(connection, "SELECT COUNT(*) FROM t WHERE v = 'uncommitted'")).toBe(1);
    connection.release();
    expect(await value(pool, "SELECT COUNT(*) FROM t WHERE v = 'uncommitted'")).toBe(0);
  });

  it('rolls back what was open when it is released', async () => {
    const connection = await pool.getConnection();
    await connection.beginTransaction();
    await connection.query("INSERT INTO t (v) VALUES ('released')");
    connection.release();
    expect(await value(pool, { sql: "SELECT COUNT(*) FROM t WHERE v = 'released'", consistency: 'strong' })).toBe(0);
  });

  it('rolls back what several statements in one left open when one of them failed', async () => {
    await expect(pool.query("BEGIN; INSERT INTO t (v) VALUES ('half'); SELECT no_such_column")).rejects.toThrow();
    for (let i = 0; i < 4; i++) {
      expect(await value(pool, { sql: "SELECT COUNT(*) FROM t WHERE v = 'half'", route: 'primary' })).toBe(0);
    }
  });

  it('keeps LAST_INSERT_ID() whatever is read in between', async () => {
    const connection = await pool.getConnection();
    const [{ insertId }] = await connection.query<ResultSetHeader>("INSERT INTO t (v) VALUES ('id')");
    await connection.query('SELECT 1');
    expect(await value(connection, 'SELECT LAST_INSERT_ID()')).toBe(insertId);
    connection.release();
  });

  it('keeps its variables, its temporary tables and its database to itself', async () => {
    const connection = await pool.getConnection();
    await connection.query('SET @mine = 5');
    await connection.query('CREATE TEMPORARY TABLE mine (a INT)');
    await connection.query('USE information_schema');
    expect(await value(connection, 'SELECT @mine')).toBe(5);
    connection.release();
    for (let i = 0; i < 4; i++) {
      expect(await value(pool, { sql: 'SELECT @mine', route: 'primary' })).toBeNull();
      expect(await value(pool, { sql: 'SELECT DATABASE()', route: 'primary' })).toBe(topology.database);
    }
  });

  it('gives the results of several statements and of a procedure', async () => {
    const [results] = await pool.query<RowDataPacket[][]>('SELECT 1 AS a; SELECT 2 AS b');
    expect(results).toEqual([[{ a: 1 }], [{ b: 2 }]]);
    await pool.query('DROP PROCEDURE IF EXISTS p');
    await pool.query('CREATE PROCEDURE p() BEGIN SELECT 3 AS c; INSERT INTO t (v) VALUES (4); END');
    const [called] = await pool.query<RowDataPacket[]>('CALL p()');
    expect(called[0]).toEqual([{ c: 3 }]);
  });

  it('does not block another: each holds one connection only', async () => {
    const work = async (): Promise<void> => {
      const connection = await pool.getConnection();
      await connection.query('SELECT v FROM t LIMIT 1');
      await connection.query("UPDATE t SET v = 'x' WHERE id = 0");
      await connection.query('SELECT v FROM t LIMIT 1');
      connection.release();
    };
    await Promise.all(Array.from({ length: 12 }, work));
  });
});

describe('prepared statements, placeholders and options of a query', () => {
  it('prepares by hand on the server where the statement belongs', async () => {
    const connection = await pool.getConnection();
    const statement = await connection.prepare('INSERT INTO t (v) VALUES (?)');
    const [result] = (await statement.execute(['prepared'])) as [ResultSetHeader, unknown];
    expect(result.affectedRows).toBe(1);
    await statement.close();
    connection.release();
  });

  it('executes on replicas, and refuses undefined parameters without losing a connection', async () => {
    expect((await pool.execute('SELECT ? AS a', ['x']))[0]).toEqual([{ a: 'x' }]);
    for (let i = 0; i < 5; i++) {
      await expect(pool.execute('SELECT ?', [undefined as never])).rejects.toThrow('undefined');
    }
  });

  it('passes on named placeholders, rowsAsArray and typeCast', async () => {
    expect((await pool.query({ sql: 'SELECT :a AS a', namedPlaceholders: true } as never, { a: 1 }))[0]).toEqual([
      { a: 1 },
    ]);
    expect((await pool.query({ sql: 'SELECT 1, 2', rowsAsArray: true }))[0]).toEqual([[1, 2]]);
    expect((await pool.query({ sql: 'SELECT 1 AS a', typeCast: () => 'cast' }))[0]).toEqual([{ a: 'cast' }]);
  });

  it('goes by route and consistency of the call, the context, a hint', async () => {
    await untilReplicasAreKnown();
    expect(await onPrimary(pool)).toBe(false);
    expect(await pool.withConsistency('strong', () => onPrimary(pool))).toBe(true);
    expect(await pool.withRoute('primary', () => onPrimary(pool))).toBe(true);
    const sql = 'SELECT COUNT(*) FROM where_am_i';
    expect(await value(pool, { sql, route: 'primary' })).toBe(1);
    expect(await value(pool, { sql, consistency: 'strong' })).toBe(1);
    expect(await value(pool, `/* fairlead:primary */ ${sql}`)).toBe(1);
    expect(() => (pool as never as { pool: TestPool }).pool.query({ sql, route: 'elsewhere' } as never)).toThrow(
      'query.route',
    );
  });

  it('frees the slot of a statement that exceeds its time', async () => {
    const slow = (): Promise<unknown> =>
      pool.query({ sql: 'SELECT SLEEP(5)', timeout: 100 }).catch((error: { code: string }) => error.code);
    const codes = await Promise.all(Array.from({ length: 8 }, slow));
    expect(new Set(codes)).toEqual(new Set(['PROTOCOL_SEQUENCE_TIMEOUT']));
    expect(await value(pool, 'SELECT 1')).toBe(1);
  });
});

describe('streams and destroyed connections', () => {
  const rows = 'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) SELECT i FROM n';
  const core = (): ReturnType<typeof createCallbackPool> =>
    (pool as never as { pool: ReturnType<typeof createCallbackPool> }).pool;
  it('streams rows of the pool and gives the connection back', async () => {
    let count = 0;
    for await (const _ of core().query(rows).stream()) count++;
    expect(count).toBe(900);
    await idle();
  });

  it('gives the connection back when a stream is left early', async () => {
    for (let i = 0; i < 5; i++) for await (const _ of core().query(rows).stream()) break;
    await idle();
    expect(await value(pool, 'SELECT 1')).toBe(1);
  });

  it('ends a stream with an error when its connection is lost', async () => {
    const reading = (async () => {
      for await (const _ of core().query('SELECT SLEEP(20)').stream());
    })();
    reading.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const server of topology.servers) {
      const [row] = await server.sql<{ id: number }>(
        "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE INFO LIKE 'SELECT SLEEP(20)%'",
      );
      if (row !== undefined) await server.sql(`KILL ${row.id}`);
    }
    await expect(reading).rejects.toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST' });
    await idle();
  });

  it('fails with a code where its connection was lost while it was idle', async () => {
    const connection = await pool.getConnection();
    await connection.query('SET @mine = 1');
    await topology.primary.sql(`KILL ${connection.threadId}`);
    const { connection: core } = connection as unknown as { connection: { stream: { destroyed: boolean } } };
    await expect
      .poll(() => connection.query('SELECT @mine').catch((error: unknown) => error))
      .toMatchObject({ code: expect.stringMatching(/^(PROTOCOL_CONNECTION_LOST|EPIPE|ECONNRESET)$/) });
    expect(core.stream.destroyed).toBe(true);
    connection.release();
    await idle();
  });

  it('fails what runs on a connection that is destroyed, and gives its slot back', async () => {
    const connection = await pool.getConnection();
    const slow = connection.query('SELECT SLEEP(5)');
    setTimeout(() => connection.destroy(), 200);
    await expect(slow).rejects.toThrow('destroyed');
    expect(await value(pool, 'SELECT 1')).toBe(1);
  });

  it('lets open transactions commit when the pool ends', async () => {
    const own = createCallbackPool(cluster.mesh, { service: 'mysql', ...SQL_USERS.app, database: topology.database });
    const promised = own.promise();
    const connection = await promised.getConnection();
    await connection.beginTransaction();
    await connection.query("INSERT INTO t (v) VALUES ('ending')");
    const ended = promised.end();
    await expect(promised.query('SELECT 1')).rejects.toThrow('Pool is closed.');
    await connection.commit();
    connection.release();
    await ended;
    expect(await value(pool, { sql: "SELECT COUNT(*) FROM t WHERE v = 'ending'", route: 'primary' })).toBe(1);
  });
});

describe('secrets', () => {
  it('are in nothing that is printed', async () => {
    const own = createCallbackPool(cluster.mesh, {
      service: 'mysql',
      user: 'app',
      password: async () => 'wrong-Secret',
      acquireTimeoutMs: 500,
    });
    own.on('connection', () => {});
    const error = await own
      .promise()
      .query('SELECT 1')
      .catch((thrown: unknown) => thrown);
    const connection = await own.promise().getConnection();
    const options = { showHidden: true, depth: 20, customInspect: false } as const;
    for (const each of [own, own.config, own.promise(), connection, error]) {
      expect(inspect(each, options)).not.toContain('wrong-Secret');
      expect(inspect(each)).not.toContain('wrong-Secret');
    }
    connection.release();
    await new Promise<void>((resolve) => own.end(() => resolve()));
  });
});
