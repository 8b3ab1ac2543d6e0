import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Mariadb, type Mysql, type SqlTopology, startMariadb, startMysql } from '../harness/index.js';
import { pause } from './load.js';
import { poolOver, selectsOf, type TestCluster, type TestPool } from './support.js';

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>],
] as const)('pool.transaction on %s', (_, start) => {
  let topology: SqlTopology<Mysql | Mariadb>;
  let cluster: TestCluster;
  let pool: TestPool;
  beforeAll(async () => {
    topology = await start();
    cluster = poolOver(topology, { initStatements: ['SET SESSION innodb_lock_wait_timeout = 1'] });
    pool = cluster.pool;
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await topology?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await pool.query('DELETE FROM t');
    await pool.query("INSERT INTO t (id, v) VALUES (1, '0'), (2, '0')");
  });

  const vOf = async (id: number): Promise<unknown> => {
    const [rows] = await pool.query<RowDataPacket[]>('SELECT v FROM t WHERE id = ?', [id]);
    return rows[0]?.v;
  };
  const add = 'UPDATE t SET v = v + 1 WHERE id = ?';

  it('commits what resolves, rolls back what rejects, and gives back what run returned', async () => {
    const id = await pool.transaction(async (connection) => {
      const [{ insertId }] = await connection.execute<ResultSetHeader>("INSERT INTO t (v) VALUES ('kept')");
      return insertId;
    });
    expect(await vOf(id)).toBe('kept');
    let runs = 0;
    const failed = pool.transaction(async (connection) => {
      runs++;
      await connection.query(add, [1]);
      throw new Error('changed my mind');
    });
    await expect(failed).rejects.toThrow('changed my mind');
    expect([runs, await vOf(1)]).toEqual([1, '0']);
    expect(pool.stats().db0).toMatchObject({ busy: 0 });
  });

  it('runs again what met in a deadlock: all of it happens, once', async () => {
    let runs = 0;
    const both = (first: number, second: number): Promise<void> =>
      pool.transaction(async (connection) => {
        runs++;
        await connection.query(add, [first]);
        await pause(50);
        await connection.query(add, [second]);
      });
    await Promise.all([both(1, 2), both(2, 1), both(1, 2), both(2, 1)]);
    expect(runs).toBeGreaterThan(4);
    expect([await vOf(1), await vOf(2)]).toEqual(['4', '4']);
    await expect(
      Promise.all(
        [1, 2].map((first) =>
          pool.transaction(
            async (connection) => {
              await connection.query(add, [first]);
              await pause(50);
              await connection.query(add, [3 - first]);
            },
            { retries: 0 },
          ),
        ),
      ),
    ).rejects.toMatchObject({ code: 'ER_LOCK_DEADLOCK' });
  });

  it('sends nothing after a deadlock that was caught, which would be a transaction of its own', async () => {
    let caught = 0;
    const run = (first: number): Promise<void> =>
      pool.transaction(async (connection) => {
        await connection.query(add, [first]);
        await pause(50);
        await connection.query(add, [3 - first]).catch(() => caught++);
        await connection.query("INSERT INTO t (v) VALUES ('after')").catch(() => {});
      });
    await Promise.all([run(1), run(2)]);
    expect(caught).toBeGreaterThan(0);
    const [rows] = await pool.query<RowDataPacket[]>("SELECT COUNT(*) AS n FROM t WHERE v = 'after'");
    expect([rows[0]!.n, await vOf(1), await vOf(2)]).toEqual([2, '2', '2']);
  });

  it('runs again what waited too long for a lock', async () => {
    const holder = await pool.getConnection();
    await holder.beginTransaction();
    await holder.query(add, [1]);
    let runs = 0;
    const waiting = pool.transaction(async (connection) => {
      runs++;
      await connection.query(add, [2]);
      await connection.query(add, [1]);
    });
    await pause(1_500);
    await holder.commit();
    holder.release();
    await waiting;
    expect(runs).toBeGreaterThan(1);
    expect([await vOf(1), await vOf(2)]).toEqual(['2', '1']);
  });

  it('reads on a replica where it only reads, and writes nothing there', async () => {
    await pool.query("UPDATE t SET v = 'mine' WHERE id = 1");
    const before = await Promise.all(topology.servers.map(selectsOf));
    const seen = await pool.transaction(
      async (connection) => {
        const values: unknown[] = [];
        for (let i = 0; i < 40; i++) {
          const [rows] = await connection.query<RowDataPacket[]>('SELECT v FROM t WHERE id = 1');
          values.push(rows[0]!.v);
        }
        return new Set(values);
      },
      { readOnly: true },
    );
    const after = await Promise.all(topology.servers.map(selectsOf));
    expect(seen).toEqual(new Set(['mine']));
    expect(after[0]! - before[0]!).toBeLessThan(30 /* probes */);
    let runs = 0;
    const writing = pool.transaction(
      (connection) => {
        runs++;
        return connection.query(add, [1]);
      },
      { readOnly: true },
    );
    await expect(writing).rejects.toThrow(/READ ONLY|read-only/i);
    expect(runs).toBe(1);
  });

  it('has the isolation level that it was given, and no other transaction has it', async () => {
    const seenIn = async (isolationLevel?: 'READ COMMITTED' | 'REPEATABLE READ'): Promise<unknown[]> => {
      await pool.query("UPDATE t SET v = 'old' WHERE id = 1");
      return pool.transaction(
        async (connection) => {
          const read = async (): Promise<unknown> =>
            (await connection.query<RowDataPacket[]>('SELECT v FROM t WHERE id = 1'))[0][0]!.v;
          const first = await read();
          await pool.query("UPDATE t SET v = 'new' WHERE id = 1");
          return [first, await read()];
        },
        isolationLevel === undefined ? {} : { isolationLevel },
      );
    };
    expect(await seenIn('READ COMMITTED')).toEqual(['old', 'new']);
    expect(await seenIn('REPEATABLE READ')).toEqual(['old', 'old']);
    expect(await seenIn()).toEqual(['old', 'old']);
  });

  it('refuses options that it does not know', async () => {
    const run = (): void => {};
    for (const [options, name] of [
      [{ retries: -1 }, 'transaction.retries'],
      [{ isolationLevel: 'SNAPSHOT' }, 'transaction.isolationLevel'],
      [{ isolation: 'SERIALIZABLE' }, 'transaction.isolation'],
    ] as const) {
      await expect(pool.transaction(run, options as never)).rejects.toMatchObject({
        code: 'FAIRLEAD_INVALID_OPTION',
        message: expect.stringContaining(name) as string,
      });
    }
  });
});
