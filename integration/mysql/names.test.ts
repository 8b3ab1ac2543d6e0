import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import type { RowDataPacket } from 'mysql2';
import { expect, it } from 'vitest';
import {
  Relay,
  SQL_USERS,
  type SqlOptions,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
  until,
} from '../harness/index.js';

type Start = (options: SqlOptions) => Promise<SqlTopology<SqlServer>>;

it.each([
  ['MySQL', startMysql as Start],
  ['MariaDB', startMariadb as Start],
] as const)(
  'on %s a name that is moved to the next primary is followed, although the one before lives on',
  async (_, start) => {
    await using topology = await start({ replicas: 1 });
    const { primary: before, replicas } = topology;
    const [next] = replicas;
    await using relay = await Relay.before(before);
    const mesh = createMesh({ resolver: staticResolver({ mysql: [`localhost:${relay.port}`] }) });
    const pool = createPool(mesh, {
      service: 'mysql',
      ...SQL_USERS.app,
      database: topology.database,
      probeIntervalMs: 200,
    });
    const write = (v: string): Promise<unknown> => pool.query('INSERT INTO t (v) VALUES (?)', [v]);
    const idle = await pool.getConnection();
    await Promise.all(Array.from({ length: 8 }, (_, i) => write(`before-${i}`)));
    await idle.query('SELECT 1');
    await before.setReadOnly(true);
    // Wherever the look is by now: what is refused has not been done, and waits for the name.
    const waiting = write('meanwhile');
    await next!.waitFor(await before.position());
    relay.turnTo(next!);
    await topology.promote(next!);
    await waiting;
    await Promise.all(Array.from({ length: 8 }, (_, i) => write(`after-${i}`)));
    await pool.transaction(async (connection) => {
      await connection.query("INSERT INTO t (v) VALUES ('in a transaction')");
    });
    const [rows] = await pool.query<RowDataPacket[]>({ sql: 'SELECT COUNT(*) AS n FROM t', consistency: 'strong' });
    expect(rows[0]!.n).toBe(18);
    const [found] = await next!.sql<{ n: number }>('SELECT COUNT(*) AS n FROM test.t');
    expect(Number(found!.n)).toBe(18);
    // One that was held has found its way too, and nothing is left where the name led before.
    await idle.query("INSERT INTO t (v) VALUES ('held')");
    idle.release();
    const left = async (): Promise<number> =>
      (await before.sql("SELECT id FROM information_schema.processlist WHERE user = 'app'")).length;
    await until('no connection is left on the server before', async () => (await left()) === 0);
    await pool.end();
    await mesh.close();
  },
);
