import type { RoutedQueryOptions } from 'fairlead/mysql';
import type { ResultSetHeader } from 'mysql2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Mariadb,
  type Mysql,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
} from '../harness/index.js';
import { poolOver, type TestCluster } from './support.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Tally {
  reads: number;
  failedReads: unknown[];
  acknowledged: string[];
  failedWrites: unknown[];
}

/** 6 readers and 2 writers, who write and read under session consistency, until told to end. */
async function load(cluster: TestCluster, ended: () => boolean): Promise<Tally> {
  const tally: Tally = { reads: 0, failedReads: [], acknowledged: [], failedWrites: [] };
  const read = async (): Promise<void> => {
    while (!ended()) {
      await cluster.pool
        .query({ sql: 'SELECT COUNT(*) FROM t', consistency: 'eventual' } as RoutedQueryOptions)
        .then(() => tally.reads++)
        .catch((error: unknown) => tally.failedReads.push(error));
    }
  };
  const write = async (writer: number): Promise<void> => {
    for (let n = 0; !ended(); n++) {
      const name = `w${writer}-${n}`;
      await cluster.pool
        .query<ResultSetHeader>('INSERT INTO t (v) VALUES (?)', [name])
        .then(() => tally.acknowledged.push(name))
        .catch((error: unknown) => tally.failedWrites.push(error));
      await pause(2);
    }
  };
  await Promise.all([...Array.from({ length: 6 }, read), write(0), write(1)]);
  return tally;
}

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>, 'REPLICA'],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>, 'SLAVE'],
] as const)('%s under load', (name, start, word) => {
  let topology: SqlTopology<Mysql | Mariadb>;
  let cluster: TestCluster;
  beforeEach(async () => {
    topology = await start();
    cluster = poolOver(topology, { connectionLimit: 5 });
    await cluster.pool.query('SELECT 1');
    await pause(300);
  });
  afterEach(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await topology?.[Symbol.asyncDispose]();
  });

  /** Runs the load through the fault, then looks for lost, doubled and leaked things. */
  async function through(fault: () => Promise<void>, primaryAfter = (): SqlServer => topology.primary): Promise<Tally> {
    let over = false;
    const loading = load(cluster, () => over);
    await pause(300);
    await fault();
    over = true;
    const tally = await loading;
    const rows = await primaryAfter().sql<{ v: string; c: number }>(
      `SELECT v, COUNT(*) AS c FROM ${topology.database}.t GROUP BY v`,
    );
    const counts = new Map(rows.map(({ v, c }) => [v, Number(c)]));
    const lost = tally.acknowledged.filter((each) => !counts.has(each));
    const doubled = [...counts.values()].filter((count) => count > 1);
    expect({ lost, doubled }).toEqual({ lost: [], doubled: [] });
    expect(tally.failedReads).toEqual([]);
    await pause(100);
    const stats = Object.values(cluster.pool.stats());
    expect(stats.map(({ busy, waiting }) => busy + waiting)).toEqual(stats.map(() => 0));
    console.log(
      `${name}: ${expect.getState().currentTestName?.split(' > ').at(-1)}: ${tally.reads} reads, 0 failed; ` +
        `${tally.acknowledged.length} writes, ${tally.failedWrites.length} failed, 0 lost, 0 doubled`,
    );
    return tally;
  }

  it('survives a replica that is stopped', async () => {
    const tally = await through(async () => {
      await topology.replicas[0]!.stop();
      await pause(1_000);
    });
    expect(tally.failedWrites).toEqual([]);
  });

  it('survives broken replication', async () => {
    const tally = await through(async () => {
      await topology.replicas[0]!.sql(`STOP ${word} SQL_THREAD`);
      await pause(1_000);
    });
    expect(tally.failedWrites).toEqual([]);
  });

  it('survives a primary that hangs for a while', async () => {
    await through(async () => {
      topology.primary.pause();
      await pause(4_000);
      topology.primary.resume();
      await pause(1_500);
    });
  });

  it('survives a primary that is killed and restarted', async () => {
    const tally = await through(async () => {
      await topology.primary.kill();
      await pause(300);
      await topology.primary.restart();
      await pause(2_000);
    });
    expect(tally.failedWrites.length).toBeLessThanOrEqual(2);
  });

  it('survives a demotion with a promotion', async () => {
    const tally = await through(
      async () => {
        const next = topology.replicas[0]!;
        await topology.primary.setReadOnly(true);
        await next.waitFor(await topology.primary.position());
        await topology.promote(next);
        await pause(2_000);
      },
      () => topology.primary,
    );
    expect(tally.failedWrites).toEqual([]);
  });

  it('waits while the primary has no connection left', async () => {
    const tally = await through(async () => {
      await topology.primary.sql('SET GLOBAL max_connections = 12');
      await Promise.all(Array.from({ length: 30 }, () => cluster.pool.query('UPDATE t SET v = v WHERE id = 0')));
      await topology.primary.sql('SET GLOBAL max_connections = 200');
    });
    expect(tally.failedWrites).toEqual([]);
  });
});
