import { type Connection, createConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mariadb, type Mysql, SQL_USERS, type SqlTopology, startMariadb, startMysql } from '../harness/index.js';
import { poolOver, type TestCluster } from './support.js';

/** Everything here is sent to a replica. `MySQL`: MariaDB 10.11 does not know it. */
const STATEMENTS: readonly (string | readonly [sql: string, only: 'MySQL'])[] = [
  'SELECT 1',
  'SELECT * FROM t',
  'select * from t where v = "for update" and id in (1, 2)',
  '  \n\t/* comment */ -- more\n # and more\n SELECT 1',
  'SELECT/**/1',
  'SELECT 1;',
  '(SELECT 1) UNION (SELECT 2)',
  '((SELECT id FROM t LIMIT 1))',
  'SELECT id FROM t UNION ALL SELECT 2 ORDER BY 1 DESC LIMIT 1 OFFSET 0',
  'SELECT id FROM t EXCEPT SELECT 1',
  'SELECT id FROM t INTERSECT SELECT 1',
  'SELECT \'for update\', "into outfile", `id` FROM t',
  "SELECT 'it''s for update'",
  "SELECT 'a\\'b'",
  "SELECT N'it''s', _utf8mb4'for update', X'00', b'1'",
  'SELECT \'a;b\', "c;d"',
  'WITH c AS (SELECT 1) SELECT * FROM c',
  'WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 5) SELECT * FROM c',
  ['VALUES ROW(1, 2)', 'MySQL'],
  ['TABLE t', 'MySQL'],
  "SELECT REPLACE(v, 'x', 'y'), INSERT(v, 1, 1, 'z') FROM t",
  'SELECT v FROM t USE INDEX FOR JOIN (PRIMARY)',
  "SELECT SUBSTRING('abc' FROM 1 FOR 2)",
  'SELECT /*+ MAX_EXECUTION_TIME(1000) */ 1',
  'SELECT COUNT(*) OVER w FROM t WINDOW w AS (ORDER BY id)',
  'SELECT STRAIGHT_JOIN a.id FROM t a JOIN t b ON a.id = b.id',
  'SELECT a.id FROM t a LEFT JOIN t b USING (id) WHERE EXISTS (SELECT 1 FROM t c WHERE c.id = a.id)',
  ['SELECT x.id FROM t, LATERAL (SELECT t.id) x', 'MySQL'],
  "SELECT j.a FROM JSON_TABLE('[1,2]', '$[*]' COLUMNS (a INT PATH '$')) j",
  'SELECT v, COUNT(*) FROM t GROUP BY v WITH ROLLUP HAVING COUNT(*) > 0',
  'SELECT DISTINCT SQL_NO_CACHE v FROM t',
  'SELECT SQL_BUFFER_RESULT v FROM t',
  'SELECT NOW(), RAND(), VERSION(), DATABASE(), USER()',
  "SELECT CASE WHEN id > 1 THEN 'update' ELSE 'delete' END FROM t",
  'SELECT a--1 FROM (SELECT 1 AS a) x',
  'SELECT t.`id`, t.id AS `into`, t.id AS `update` FROM t',
  "SELECT BENCHMARK(10, SHA2('a', 256))",
  'SELECT SLEEP(0)',
  'SELECT 1 /* /*! FOR UPDATE */',
  'SELECT 1 -- FOR UPDATE',
  'SELECT 1 # FOR UPDATE',
  'SELECT * FROM information_schema.TABLES LIMIT 1',
  'SELECT CURRENT_TIMESTAMP(6), UUID()',
  'SHOW TABLES',
  'SHOW FULL TABLES',
  'SHOW DATABASES',
  'SHOW FULL COLUMNS FROM t',
  'SHOW CREATE TABLE t',
  'SHOW TABLE STATUS',
  'SHOW INDEX FROM t',
  'DESC t',
  'DESCRIBE t id',
  'EXPLAIN SELECT 1',
  'EXPLAIN FORMAT=JSON SELECT * FROM t',
  ['EXPLAIN ANALYZE SELECT * FROM t', 'MySQL'],
  'HELP "SELECT"',
];

const READ_ONLY = 1290;
/** Of the protocol's status flags. */
const IN_TRANSACTION = 1;

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>, 'REPLICA', '@@global.gtid_executed'],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>, 'SLAVE', '@@global.gtid_current_pos'],
] as const)('what is sent to a replica of %s', (name, start, word, position) => {
  let topology: SqlTopology<Mysql | Mariadb>;
  let cluster: TestCluster;
  let replica: Connection;
  beforeAll(async () => {
    topology = await start();
    await topology.primary.sql(`INSERT INTO ${topology.database}.t (v) VALUES ('a'), ('b'), ('for update')`);
    await topology.caughtUp();
    const server = topology.replicas[0]!;
    // What arrives from the primary must not be taken for what a statement wrote.
    await server.sql(`STOP ${word}`);
    cluster = poolOver(topology);
    const { host, port } = server;
    replica = await createConnection({ host, port, ...SQL_USERS.app, database: topology.database });
  });
  afterAll(async () => {
    await replica?.end();
    await cluster?.[Symbol.asyncDispose]();
    await topology?.[Symbol.asyncDispose]();
  });

  const positionNow = async (): Promise<unknown> => {
    const [rows] = await replica.query<RowDataPacket[]>(`SELECT ${position} AS at`);
    return rows[0]!.at;
  };

  it('would be told of a write there', async () => {
    await expect(replica.query("INSERT INTO t (v) VALUES ('c')")).rejects.toMatchObject({ errno: READ_ONLY });
  });

  it('is accepted, and leaves no write and no open transaction', async () => {
    const before = await positionNow();
    expect(before).not.toBe('');
    const refused: string[] = [];
    for (const each of STATEMENTS) {
      const [sql, only] = typeof each === 'string' ? [each, undefined] : each;
      expect(cluster.pool.route(sql), sql).toMatchObject({ target: 'replica', keepsSession: false });
      if (only !== undefined && only !== name) continue;
      await replica.query(sql).catch(({ errno, message }) => refused.push(`${errno} ${sql}: ${message}`));
      const [{ serverStatus }] = await replica.query<ResultSetHeader>('DO 0');
      expect(serverStatus & IN_TRANSACTION, sql).toBe(0);
    }
    expect(refused).toEqual([]);
    expect(await positionNow()).toBe(before);
  });
});
