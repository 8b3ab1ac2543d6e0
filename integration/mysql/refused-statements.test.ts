import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SqlServer, type SqlTopology, startMariadb, startMysql } from '../harness/index.js';
import { poolOver } from './support.js';

/** Needs the right to read files, which nobody was granted. */
const LOAD_FILE = "LOAD DATA INFILE '/etc/hostname' INTO TABLE t (v)";

describe.each([
  ['MySQL', startMysql],
  ['MariaDB', startMariadb],
] as const)('what %s says of a statement, and would say of a login', (_, start) => {
  let topology: SqlTopology<SqlServer>;
  beforeAll(async () => {
    topology = (await start({ replicas: 1 })) as unknown as SqlTopology<SqlServer>;
    await topology.primary.sql(`
      CREATE DATABASE forbidden; CREATE USER small@'%' IDENTIFIED BY 'small' WITH MAX_UPDATES_PER_HOUR 3;
      GRANT SELECT, INSERT, CREATE ON test.* TO small@'%'`);
    await topology.caughtUp();
  });
  afterAll(() => topology?.[Symbol.asyncDispose]());

  const sentSoFar = async (counter: string): Promise<number> => {
    const counts = await Promise.all(
      topology.servers.map((server) => server.sql<{ Value: string }>(`SHOW GLOBAL STATUS LIKE '${counter}'`)),
    );
    return counts.reduce((sum, [row]) => sum + Number(row!.Value), 0);
  };
  const codeOf = (sent: Promise<unknown>): Promise<unknown> =>
    sent.then(
      () => 'none',
      (error: { errno?: unknown }) => error.errno,
    );
  const small = { user: 'small', password: 'small' };

  it('is an error of the statement: sent once, and the transaction around it commits', async () => {
    await using cluster = poolOver(topology, small);
    const connection = await cluster.pool.getConnection();
    await connection.beginTransaction();
    await connection.query("INSERT INTO t (v) VALUES ('kept')");
    const before = await sentSoFar('Com_change_db');
    expect(await codeOf(connection.query('USE forbidden'))).toBe(1044);
    expect(await sentSoFar('Com_change_db')).toBe(before + 1);
    expect(await codeOf(connection.query(LOAD_FILE))).toBe(1045);
    await connection.commit();
    connection.release();
    const [rows] = await cluster.pool.query<RowDataPacket[]>("SELECT COUNT(*) AS n FROM t WHERE v = 'kept'");
    expect(rows[0]!.n).toBe(1);
  });

  it('is no reason to try another server, or another connection', async () => {
    await using cluster = poolOver(topology, { ...small, connectionLimit: 1 });
    const { pool } = cluster;
    const connection = await pool.getConnection();
    await connection.query('ROLLBACK');
    const { threadId } = connection;
    expect(await codeOf(connection.query(LOAD_FILE))).toBe(1045);
    expect(connection.threadId).toBe(threadId);
    connection.release();
    const codes: unknown[] = [];
    for (let i = 0; i < 5; i++) codes.push(await codeOf(pool.query("INSERT INTO t (v) VALUES ('one more')")));
    expect(codes.at(-1), String(codes)).toBe(1226);
    // The quota of updates is used up, and reads are still answered by the same connection.
    expect(await codeOf(pool.query({ sql: 'SELECT 1', route: 'primary' } as never))).toBe('none');
  });

  it('a refused change of the user ends the session, and blames no server', async () => {
    await using cluster = poolOver(topology, small);
    const connection = await cluster.pool.getConnection();
    await connection.query('DO 1');
    expect(await codeOf(connection.changeUser({ user: 'small', password: 'wrong' }))).toBe(1045);
    connection.destroy();
    expect(await codeOf(cluster.pool.query('SELECT 1'))).toBe('none');
    expect(cluster.mesh.service('mysql').endpoints.map((each) => each.state)).not.toContain('ejected');
  });
});
