import type { ResultSetHeader, RowDataPacket } from 'mysql2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Mysql, type SqlTopology, startMysql } from '../harness/index.js';
import { poolOver, selectsOf, type TestCluster, type TestPool } from './support.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Tally {
  reads: number;
  failedReads: unknown[];
}

/** Reads without pause on `workers` at once until told to end. */
async function readUntil(pool: TestPool, workers: number, ended: () => boolean): Promise<Tally> {
  const tally: Tally = { reads: 0, failedReads: [] };
  const work = async (): Promise<void> => {
    while (!ended()) {
      try {
        await pool.query('SELECT id, v FROM t WHERE id = 1');
        tally.reads++;
      } catch (error) {
        tally.failedReads.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return tally;
}

describe('failover', () => {
  let topology: SqlTopology<Mysql>;
  let cluster: TestCluster;
  beforeEach(async () => {
    topology = await startMysql();
    cluster = poolOver(topology, { consistency: 'eventual', maxLagMs: 86_400_000 });
    await cluster.pool.query("REPLACE INTO t (id, v) VALUES (1, 'one')");
    for (const replica of topology.replicas) await replica.waitFor(await topology.primary.position());
    await cluster.pool.query('SELECT 1');
  });
  afterEach(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await topology?.[Symbol.asyncDispose]();
  });

  async function whileReading(disturb: () => Promise<void>): Promise<Tally> {
    let over = false;
    const reading = readUntil(cluster.pool, 8, () => over);
    await pause(200);
    await disturb();
    over = true;
    return reading;
  }

  it('fails no read when a replica is killed, and reads from it again once it is back', async () => {
    const [replica] = topology.replicas;
    const tally = await whileReading(async () => {
      await replica!.kill();
      await pause(1_000);
      await replica!.restart();
      await pause(1_500);
    });
    expect(tally.failedReads).toEqual([]);
    expect(tally.reads).toBeGreaterThan(100);
    const before = await selectsOf(replica!);
    for (let i = 0; i < 50; i++) await cluster.pool.query('SELECT id, v FROM t WHERE id = 1');
    expect((await selectsOf(replica!)) - before).toBeGreaterThan(10);
  });

  it('fails no read when a replica hangs', async () => {
    const [replica] = topology.replicas;
    const tally = await whileReading(async () => {
      replica!.pause();
      await pause(6_000);
      replica!.resume();
      await pause(500);
    });
    expect(tally.failedReads).toEqual([]);
    expect(tally.reads).toBeGreaterThan(100);
  });

  it('fails no read while the primary is dead, and says of a write under way that it may have happened', async () => {
    const slow = cluster.pool
      .query('UPDATE t SET v = IF(SLEEP(5), v, v) WHERE id = 1')
      .catch((error: unknown) => error);
    await pause(300);
    const tally = await whileReading(async () => {
      await topology.primary.kill();
      await pause(1_000);
    });
    expect(tally.failedReads).toEqual([]);
    expect(await slow).toMatchObject({ code: 'PROTOCOL_CONNECTION_LOST', ambiguous: true });
  });

  it('finds a promoted primary without a restart and loses or doubles no acknowledged write', async () => {
    const acknowledged: number[] = [];
    let failed = 0;
    let over = false;
    const writing = (async () => {
      for (let n = 1; !over; n++) {
        try {
          const [result] = await cluster.pool.query<ResultSetHeader>('INSERT INTO t (v) VALUES (?)', [`w${n}`]);
          if (result.affectedRows === 1) acknowledged.push(n);
        } catch {
          failed++;
        }
      }
    })();
    await pause(500);
    const [next, other] = topology.replicas;
    await topology.primary.setReadOnly(true);
    await next!.waitFor(await topology.primary.position());
    await next!.stopReplication();
    await next!.setReadOnly(false);
    await other!.replicateFrom(next!);
    await topology.primary.replicateFrom(next!);
    const promotedAt = acknowledged.length;
    for (let i = 0; i < 100 && acknowledged.length < promotedAt + 20; i++) await pause(100);
    over = true;
    await writing;
    expect(acknowledged.length).toBeGreaterThanOrEqual(promotedAt + 20);
    // Refused writes were not executed, so they were repeated on the new primary: nobody saw an
    // error.
    expect(failed).toBe(0);
    const rows = await next!.sql<{ v: string; c: number }>(
      `SELECT v, COUNT(*) AS c FROM ${topology.database}.t WHERE v LIKE 'w%' GROUP BY v`,
    );
    const counts = new Map(rows.map((row) => [row.v, Number(row.c)]));
    expect(acknowledged.filter((n) => counts.get(`w${n}`) !== 1)).toEqual([]);
    expect([...counts.values()].every((count) => count === 1)).toBe(true);
  });

  it('refuses to write while two servers accept writes, and goes on once one does not', async () => {
    const [replica] = topology.replicas;
    await replica!.setReadOnly(false);
    await pause(600);
    await expect(cluster.pool.query("UPDATE t SET v = 'x' WHERE id = 1")).rejects.toMatchObject({
      code: 'FAIRLEAD_TWO_PRIMARIES',
    });
    const [rows] = await cluster.pool.query<RowDataPacket[]>('SELECT v FROM t WHERE id = 1');
    expect(rows).toHaveLength(1);
    await replica!.setReadOnly(true);
    await pause(600);
    await cluster.pool.query("UPDATE t SET v = 'y' WHERE id = 1");
  });
});
