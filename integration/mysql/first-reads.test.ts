import type { RowDataPacket } from 'mysql2';
import { describe, expect, it } from 'vitest';
import {
  type Mariadb,
  type Mysql,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
} from '../harness/index.js';
import { pause } from './load.js';
import { poolOver, selectsOf, type TestPool } from './support.js';

const MAX_LAG_MS = 5_000;

/**
 * Rows that reads of this consistency found, for as long as `forMs`; a program that has just begun.
 */
async function readFor(pool: TestPool, consistency: 'eventual' | 'session', forMs: number): Promise<number[]> {
  const found: number[] = [];
  for (const endAt = performance.now() + forMs; performance.now() < endAt; ) {
    const [rows] = await pool.withConsistency(consistency, () =>
      pool.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM t'),
    );
    found.push(Number(rows[0]!.n));
    await pause(5);
  }
  return found;
}

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>, 'REPLICA'],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>, 'SLAVE'],
] as const)('the first reads of a program, on %s', (_, start, word) => {
  const each = async (servers: readonly SqlServer[], sql: string): Promise<void> => {
    for (const server of servers) await server.sql(sql);
  };

  it('see what was written before it began, though replicas stopped before that', async () => {
    await using topology = await start();
    await each(topology.replicas, `STOP ${word} SQL_THREAD`);
    await topology.primary.sql(`INSERT INTO ${topology.database}.t (v) VALUES ('before')`);
    for (const consistency of ['eventual', 'session'] as const) {
      // Nobody waits for anything first: a cron job reads as it begins.
      await using cluster = poolOver(topology, { maxLagMs: MAX_LAG_MS });
      const found = await readFor(cluster.pool, consistency, 1_500);
      expect(found.filter((n) => n !== 1)).toEqual([]);
      expect(found.length).toBeGreaterThan(10);
    }
  });

  it('go to replicas as soon as these are known to be in step, within one interval', async () => {
    await using topology = await start();
    await using cluster = poolOver(topology, { probeIntervalMs: 1_000 });
    const before = await Promise.all(topology.replicas.map(selectsOf));
    await readFor(cluster.pool, 'session', 1_000);
    const after = await Promise.all(topology.replicas.map(selectsOf));
    for (const [i, count] of after.entries()) expect(count - before[i]!).toBeGreaterThan(10);
  });

  it('go to the replica that has most where there is no primary', async () => {
    await using topology = await start();
    const [late, other] = topology.replicas;
    await late!.sql(`STOP ${word} SQL_THREAD`);
    await topology.primary.sql(`INSERT INTO ${topology.database}.t (v) VALUES ('before')`);
    await other!.waitFor(await topology.primary.position());
    await topology.primary.kill();
    await using cluster = poolOver(topology, { maxLagMs: MAX_LAG_MS });
    const found = await readFor(cluster.pool, 'eventual', 1_500);
    expect(found.filter((n) => n !== 1)).toEqual([]);
    expect(found.length).toBeGreaterThan(10);
  });
});
