import type { FairleadError } from 'fairlead';
import type { ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SqlServer, type SqlTopology, startMariadb, startMysql, until } from '../harness/index.js';
import { poolOver, type TestCluster, type TestPool } from './support.js';

type Queries = Pick<TestPool, 'query'>;

const one = async (from: Queries, sql: string, options: object = {}): Promise<number> => {
  const [rows] = await from.query<RowDataPacket[]>({ sql, ...options });
  return Number(Object.values(rows[0] ?? {})[0]);
};
const codeOf = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => 'none',
    (error: FairleadError) => error.code,
  );
const WHERE = "SELECT SUM(v = 'primary') = 1 FROM where_am_i";

describe.each([
  ['MySQL', startMysql, ['--autocommit=0'], {}],
  ['MariaDB', startMariadb, ['--autocommit=0'], {}],
  ['MySQL, by initStatements', startMysql, [], { initStatements: ['SET autocommit = 0'] }],
] as const)('without autocommit on %s', (_, start, args, options) => {
  let topology: SqlTopology<SqlServer>;
  const over = (): TestCluster => poolOver(topology, { consistencyWaitMs: 5_000, connectionLimit: 2, ...options });
  const onReplica = (pool: TestPool): Promise<unknown> =>
    until('reads go to the replica', async () => (await one(pool, WHERE)) === 0);

  beforeAll(async () => {
    topology = (await start({ replicas: 1, args })) as unknown as SqlTopology<SqlServer>;
    await topology.primary.sql('CREATE TABLE test.where_am_i (v VARCHAR(64))');
    await topology.caughtUp();
    await topology.primary.sql("SET autocommit = 1, sql_log_bin = 0; INSERT INTO test.where_am_i VALUES ('primary')");
  });
  afterAll(() => topology?.[Symbol.asyncDispose]());

  it('a pooled connection keeps no snapshot: a session sees what it committed', async () => {
    await using cluster = over();
    const { pool } = cluster;
    for (let i = 0; i < 20; i++) {
      const before = await one(pool, 'SELECT COUNT(*) FROM t');
      const connection = await pool.getConnection();
      await connection.query("INSERT INTO t (v) VALUES ('committed')");
      await connection.commit();
      connection.release();
      expect(await one(pool, 'SELECT COUNT(*) FROM t')).toBe(before + 1);
      expect(await one(pool, 'SELECT COUNT(*) FROM t', { route: 'primary' })).toBe(before + 1);
    }
  });

  it('a session that read holds its transaction, on the primary, until it commits', async () => {
    await using cluster = over();
    const { pool } = cluster;
    await onReplica(pool);
    const connection = await pool.getConnection();
    expect(await one(connection, WHERE)).toBe(1);
    const seen = await one(connection, 'SELECT COUNT(*) FROM t');
    const other = await pool.getConnection();
    await other.query("INSERT INTO t (v) VALUES ('another')");
    await other.commit();
    other.release();
    expect(await one(connection, 'SELECT COUNT(*) FROM t')).toBe(seen);
    await connection.query("INSERT INTO t (v) VALUES ('mine')");
    await connection.rollback();
    expect(await one(connection, 'SELECT COUNT(*) FROM t')).toBe(seen + 1);
    connection.release();
  });

  it('a read-only transaction, and what is sent there by name, is still on a replica', async () => {
    await using cluster = over();
    const { pool } = cluster;
    await onReplica(pool);
    const connection = await pool.getConnection();
    await connection.query('START TRANSACTION READ ONLY');
    expect(await one(connection, WHERE)).toBe(0);
    await connection.commit();
    expect(await pool.withRoute('replica', () => one(connection, WHERE))).toBe(0);
    const [{ affectedRows }] = await connection.query<ResultSetHeader>("INSERT INTO t (v) VALUES ('after')");
    expect(affectedRows).toBe(1);
    await connection.commit();
    connection.release();
  });

  it('says of a write that nothing can commit that it is rolled back', async () => {
    await using cluster = over();
    const { pool } = cluster;
    expect(await codeOf(pool.query("INSERT INTO t (v) VALUES ('lost')"))).toBe('FAIRLEAD_ROLLED_BACK');
    expect(await codeOf(pool.execute("INSERT INTO t (v) VALUES ('lost')"))).toBe('FAIRLEAD_ROLLED_BACK');
    expect(await one(pool, "SELECT COUNT(*) FROM t WHERE v = 'lost'", { route: 'primary' })).toBe(0);
    expect(await codeOf(pool.query('CREATE TABLE IF NOT EXISTS committed_by_itself (a INT)'))).toBe('none');
  });

  it('leaves no transaction open on any server', async () => {
    await using cluster = over();
    const { pool } = cluster;
    await Promise.all(Array.from({ length: 10 }, () => one(pool, 'SELECT COUNT(*) FROM t')));
    const connection = await pool.getConnection();
    await one(connection, 'SELECT COUNT(*) FROM t');
    connection.release();
    await until('nothing is open', async () => {
      const open = await Promise.all(
        topology.servers.map((server) => server.sql('SELECT 1 FROM information_schema.innodb_trx')),
      );
      return open.flat().length === 0;
    });
  });
});
