import type { FairleadError } from 'fairlead';
import type { PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type SqlServer, type SqlTopology, startMariadb, startMysql, until } from '../harness/index.js';
import { poolOver, type TestCluster, type TestPool } from './support.js';

type Queries = Pick<TestPool, 'query'>;

async function value(from: Queries, sql: string, options: object = {}): Promise<unknown> {
  const [rows] = await from.query<RowDataPacket[]>({ sql, ...options });
  return Object.values(rows[0] ?? {})[0];
}

const WHERE = "SELECT SUM(v = 'primary') = 1 AS primary_ FROM where_am_i";
/** Where a read of this connection runs. */
const onPrimary = async (from: Queries, options?: object): Promise<boolean> =>
  Number(await value(from, WHERE, options)) === 1;

const codeOf = (sent: Promise<unknown>): Promise<unknown> =>
  sent.then(
    () => 'none',
    (error: FairleadError & { errno?: number }) => error.errno ?? error.code,
  );

describe.each([
  ['MySQL', startMysql],
  ['MariaDB', startMariadb],
] as const)('what pins a session to a server of %s', (flavor, start) => {
  let topology: SqlTopology<SqlServer>;
  let cluster: TestCluster;
  let pool: TestPool;
  let connection: PoolConnection;

  beforeAll(async () => {
    topology = (await start({ replicas: 1 })) as unknown as SqlTopology<SqlServer>;
    await topology.primary.sql(`CREATE TABLE test.where_am_i (v VARCHAR(64)); CREATE TABLE test.w (v VARCHAR(64))`);
    await topology.caughtUp();
    // On the primary only.
    await topology.primary.sql("SET sql_log_bin = 0; INSERT INTO test.where_am_i VALUES ('primary')");
  });
  afterAll(() => topology?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    cluster = poolOver(topology, { connectionLimit: 3, consistencyWaitMs: 5_000, multipleStatements: true });
    pool = cluster.pool;
    await until('reads go to the replica', async () => !(await onPrimary(pool)));
    connection = await pool.getConnection();
    // Its session begins on the replica.
    expect(await onPrimary(connection)).toBe(false);
  });
  afterEach(async () => {
    connection.destroy();
    await cluster[Symbol.asyncDispose]();
  });

  /** After a rollback reads go to the primary, until that was looked at once more. */
  const toReplica = async (): Promise<unknown> =>
    until('reads go to the replica', async () => !(await onPrimary(connection)));

  /** The session can do all that a session can. */
  async function isFree(): Promise<void> {
    const [{ affectedRows }] = await connection.query<ResultSetHeader>("INSERT INTO w VALUES ('free')");
    expect(affectedRows).toBe(1);
    await connection.beginTransaction();
    expect(await onPrimary(connection)).toBe(true);
    await connection.query("UPDATE w SET v = 'changed' WHERE v = 'free'");
    await connection.rollback();
    expect(await onPrimary(connection, { consistency: 'strong' })).toBe(true);
    await toReplica();
  }

  it('not: a prepared read, which goes where it belongs each time', async () => {
    const statement = await connection.prepare(WHERE);
    const executed = async (): Promise<boolean> => {
      const [rows] = (await statement.execute([])) as [RowDataPacket[], unknown];
      return Number(rows[0]!.primary_) === 1;
    };
    expect(await executed()).toBe(false);
    await connection.beginTransaction();
    expect(await executed()).toBe(true);
    await connection.rollback();
    await toReplica();
    expect(await executed()).toBe(false);
    expect(await pool.withConsistency('strong', executed)).toBe(true);
    expect(await pool.withRoute('primary', executed)).toBe(true);
    await isFree();
    expect(await executed()).toBe(false);
    await statement.close();
    expect(await codeOf(executed())).toBe(1243);
    await isFree();
  });

  it('not: a prepared read sees what its session wrote', async () => {
    const count = await connection.prepare('SELECT COUNT(*) AS n FROM w WHERE v = ?');
    const insert = await connection.prepare('INSERT INTO w VALUES (?)');
    for (let i = 1; i <= 10; i++) {
      await insert.execute(['prepared']);
      const [rows] = (await count.execute(['prepared'])) as [RowDataPacket[], unknown];
      expect(rows[0]!.n).toBe(i);
    }
  });

  it('a prepared statement that leaves state, on the primary', async () => {
    const statement = await connection.prepare('SET @a = ?');
    expect(await onPrimary(connection)).toBe(false);
    await statement.execute([7]);
    expect(await onPrimary(connection)).toBe(true);
    expect(Number(await value(connection, 'SELECT @a'))).toBe(7);
  });

  it('closes what it prepared, on the server', async () => {
    const open = async (): Promise<number> => {
      const counts = await Promise.all(
        topology.servers.map((server) =>
          server.sql<{ Value: string }>("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'"),
        ),
      );
      return counts.reduce((sum, [row]) => sum + Number(row!.Value), 0);
    };
    const before = await open();
    const statement = await connection.prepare('SELECT 5 AS five');
    await pool.withRoute('primary', () => statement.execute([]));
    expect(await open()).toBe(before + 2);
    await statement.close();
    await until('both are closed', async () => (await open()) === before);
  });

  it('reports what is wrong with a text when it is prepared', async () => {
    expect(await codeOf(connection.prepare('SELECT FROM'))).toBe(1064);
    await isFree();
  });

  it('not: reset()', async () => {
    await connection.reset();
    await isFree();
    await connection.query('SET @a = 1');
    expect(await onPrimary(connection)).toBe(true);
    await connection.reset();
    expect(await onPrimary(connection)).toBe(false);
    expect(await value(connection, 'SELECT @a')).toBeNull();
    await connection.query('START TRANSACTION READ ONLY');
    expect(await onPrimary(connection)).toBe(false);
    await connection.reset();
    await isFree();
  });

  it('changeUser(), on the primary', async () => {
    await connection.changeUser({});
    expect(await onPrimary(connection)).toBe(true);
    await connection.query("INSERT INTO w VALUES ('another user')");
    await connection.beginTransaction();
    await connection.commit();
    await connection.reset();
    expect(await onPrimary(connection)).toBe(true);
  });

  it('changeUser() in a read-only transaction, on the primary', async () => {
    await connection.query('START TRANSACTION READ ONLY');
    expect(await onPrimary(connection)).toBe(false);
    await connection.changeUser({ database: 'information_schema' });
    expect(await value(connection, 'SELECT DATABASE()')).toBe('information_schema');
    await connection.query("INSERT INTO test.w VALUES ('another user')");
  });

  it('COMMIT AND CHAIN, on the primary, unless it continues a read-only transaction', async () => {
    await connection.query('COMMIT AND CHAIN');
    expect(await onPrimary(connection)).toBe(true);
    await connection.query("INSERT INTO w VALUES ('chained')");
    await connection.rollback();
    await toReplica();
    await connection.query('START TRANSACTION READ ONLY');
    expect(await onPrimary(connection)).toBe(false);
    await connection.query('COMMIT AND CHAIN');
    expect(await onPrimary(connection)).toBe(false);
    // The replica refuses it before the transaction does.
    expect(await codeOf(connection.query("INSERT INTO w VALUES ('chained')"))).toBe(1290);
    await connection.commit();
    await isFree();
  });

  it('state in a read-only transaction that has read nothing, on the primary, with the transaction', async () => {
    await connection.query('START TRANSACTION READ ONLY');
    await connection.query('SET @a = 3');
    expect(await onPrimary(connection)).toBe(true);
    expect(await codeOf(connection.query("INSERT INTO w VALUES ('no')"))).toBe(1792);
    await connection.commit();
    await connection.query("INSERT INTO w VALUES ('yes')");
    expect(Number(await value(connection, 'SELECT @a'))).toBe(3);
  });

  it.each([
    ['a variable', 'SET @a = 1'],
    ['a database', 'USE information_schema'],
    ['a lock', "SELECT GET_LOCK('pinning', 0)"],
    ['a lock within a read', "SELECT v, IS_FREE_LOCK('pinning') FROM w"],
    ['a lock of rows', 'SELECT v FROM w FOR SHARE'],
    ['what cannot be seen', 'CALL p()'],
    ['several statements', "SELECT 1; SELECT GET_LOCK('pinning', 0)"],
    ['a strong read', { sql: 'SELECT 1', consistency: 'strong' }],
  ])('not, once it has read on a replica: %s; it is refused, and nothing is lost', async (_, statement) => {
    await connection.query('START TRANSACTION READ ONLY');
    expect(await onPrimary(connection)).toBe(false);
    const sql =
      flavor === 'MariaDB' && statement === 'SELECT v FROM w FOR SHARE'
        ? 'SELECT v FROM w LOCK IN SHARE MODE'
        : statement;
    expect(await codeOf(connection.query(sql as string))).toBe('FAIRLEAD_UNROUTABLE');
    expect(await onPrimary(connection)).toBe(false);
    await connection.commit();
    await isFree();
  });

  it('what a transaction that may write begins with, on the primary', async () => {
    await connection.query('START TRANSACTION READ ONLY');
    expect(await onPrimary(connection)).toBe(false);
    await connection.beginTransaction();
    expect(await onPrimary(connection)).toBe(true);
    await connection.query("INSERT INTO w VALUES ('begun')");
    await connection.commit();
    await isFree();
  });

  it('GET_LOCK, which has one holder, whatever says replica', async () => {
    const other = await pool.getConnection();
    const lock = "SELECT GET_LOCK('one', 0)";
    await connection.query('START TRANSACTION READ ONLY');
    expect(await value(connection, lock)).toBe(1);
    expect(await pool.withRoute('replica', () => value(other, lock))).toBe(0);
    expect(await value(other, lock, { route: 'replica' })).toBe(0);
    expect(await value(other, `/* fairlead:replica */ ${lock}`)).toBe(0);
    await other.query('START TRANSACTION READ ONLY');
    expect(await pool.withRoute('replica', () => value(other, lock))).toBe(0);
    other.destroy();
  });

  it('what a call sends to a replica itself, and what needs the primary is then refused', async () => {
    await connection.query({ sql: 'SELECT @a := 5', route: 'replica' } as never);
    expect(await onPrimary(connection)).toBe(false);
    expect(Number(await value(connection, 'SELECT @a'))).toBe(5);
    expect(await codeOf(connection.query("INSERT INTO w VALUES ('no')"))).toBe('FAIRLEAD_UNROUTABLE');
    expect(await codeOf(connection.beginTransaction())).toBe('FAIRLEAD_UNROUTABLE');
    expect(await codeOf(onPrimary(connection, { consistency: 'strong' }))).toBe('FAIRLEAD_UNROUTABLE');
    // What the pool wrote meanwhile, that replica has first.
    await pool.query("INSERT INTO w VALUES ('meanwhile')");
    expect(Number(await value(connection, "SELECT COUNT(*) FROM w WHERE v = 'meanwhile'"))).toBe(1);
    await pool.query("DELETE FROM w WHERE v = 'meanwhile'");
    await connection.reset();
    await isFree();
  });

  it('not LAST_INSERT_ID(n), but reads that ask for it find it', async () => {
    expect(Number(await value(connection, 'SELECT LAST_INSERT_ID(77)'))).toBe(77);
    expect(Number(await value(connection, 'SELECT 1'))).toBe(1);
    expect(Number(await value(connection, 'SELECT LAST_INSERT_ID()'))).toBe(77);
    await connection.query('UPDATE w SET v = LAST_INSERT_ID(78) LIMIT 1');
    await connection.query('SELECT 1');
    expect(Number(await value(connection, 'SELECT LAST_INSERT_ID()'))).toBe(78);
  });
});
