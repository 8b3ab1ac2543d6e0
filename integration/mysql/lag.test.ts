import type { RowDataPacket } from 'mysql2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Mariadb,
  type Mysql,
  type SqlServer,
  type SqlTopology,
  startMariadb,
  startMysql,
  until,
} from '../harness/index.js';
import { pause } from './load.js';
import { poolOver, type TestCluster, type TestPool } from './support.js';

const DELAY_S = 1;

async function delay(replica: SqlServer, flavor: 'MySQL' | 'MariaDB', seconds: number): Promise<void> {
  await replica.sql(
    flavor === 'MySQL'
      ? `STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = ${seconds}; START REPLICA`
      : `STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = ${seconds}; START SLAVE`,
  );
}

const COUNT = 'SELECT v AS n FROM counter WHERE id = 1';

/** What a read shows, in the pool's or the call's consistency. */
async function countOf(pool: TestPool, consistency?: 'eventual' | 'strong'): Promise<number> {
  const options = { sql: COUNT, ...(consistency !== undefined && { consistency }) };
  // Looks at a server prepare nothing: `readsOf` counts these and no others.
  const [rows] = await pool.execute<RowDataPacket[]>(options);
  return Number(rows[0]?.n);
}

/** Statements that `act` executes on these servers. */
async function readsOf(servers: readonly SqlServer[], act: () => Promise<unknown>): Promise<number> {
  const executed = async (server: SqlServer): Promise<number> => {
    const [row] = await server.sql<{ Value: string }>("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
    return Number(row!.Value);
  };
  const total = async (): Promise<number> =>
    (await Promise.all(servers.map(executed))).reduce((sum, each) => sum + each, 0);
  const before = await total();
  await act();
  return (await total()) - before;
}

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>],
] as const)('%s with replicas that lag', (flavor, start) => {
  let topology: SqlTopology<Mysql | Mariadb>;
  let cluster: TestCluster | undefined;
  beforeEach(async () => {
    topology = await start();
    await topology.primary.sql(
      `USE ${topology.database}; CREATE TABLE counter (id INT PRIMARY KEY, v INT); INSERT INTO counter VALUES (1, 0)`,
    );
    await topology.caughtUp();
  });
  afterEach(async () => {
    await cluster?.[Symbol.asyncDispose]();
    cluster = undefined;
    await topology?.[Symbol.asyncDispose]();
  });

  it('shows sessions their writes, strong reads all writes, and no session an older value than before', async () => {
    cluster = poolOver(topology);
    const { pool } = cluster;
    await pool.query('SELECT 1');
    // One delayed, one not: the two differ by a second.
    await delay(topology.replicas[0]!, flavor, DELAY_S);
    let value = 0;
    let over = false;
    const counts = { own: 0, strong: 0, monotonic: 0, stale: 0, weak: 0, backwards: 0, old: 0 };
    const writer = async (): Promise<void> => {
      while (!over) {
        const next = value + 1;
        await pool.session(async () => {
          await pool.query('UPDATE counter SET v = ? WHERE id = 1', [next]);
          value = next;
          counts.own++;
          if ((await countOf(pool)) < next) counts.stale++;
        });
      }
    };
    const strong = async (): Promise<void> => {
      while (!over) {
        const known = value;
        counts.strong++;
        if ((await countOf(pool, 'strong')) < known) counts.weak++;
      }
    };
    const reader = async (): Promise<void> => {
      let seen = 0;
      while (!over) {
        const now = await countOf(pool);
        counts.monotonic++;
        if (now < seen) counts.backwards++;
        seen = Math.max(seen, now);
        await pause(1);
      }
    };
    const eventual = async (): Promise<void> => {
      while (!over) {
        const known = value;
        if ((await countOf(pool, 'eventual')) < known) counts.old++;
        await pause(1);
      }
    };
    const work = Promise.all([writer(), strong(), ...[1, 2, 3].map(() => pool.session(reader)), eventual()]);
    await pause(3_000);
    over = true;
    await work;
    console.log(`${flavor}, one replica delayed by ${DELAY_S} s: ${JSON.stringify(counts)}`);
    expect(counts).toMatchObject({ stale: 0, weak: 0, backwards: 0 });
    expect(Math.min(counts.own, counts.strong, counts.monotonic)).toBeGreaterThan(50);
    // The delay was real: reads that ask for nothing did see the past.
    expect(counts.old).toBeGreaterThan(0);
  });

  it('leaves a replica out while it is further behind than maxLagMs, and takes it back', async () => {
    cluster = poolOver(topology, { consistency: 'eventual', maxLagMs: 800, policy: 'round_robin' });
    const { pool } = cluster;
    const [late, other] = topology.replicas;
    const readsGoTo = (): string => pool.status().readsGoTo.join();
    await until('both to be read from', () => readsGoTo() === 'db1,db2');
    await delay(late!, flavor, 30);
    let over = false;
    const ticking = (async () => {
      // Something new to be behind of: a primary at rest leaves nobody behind.
      while (!over) {
        await pool.query('UPDATE counter SET v = v + 1 WHERE id = 1');
        await pause(100);
      }
    })();
    ticking.catch(() => {});
    const reads = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) await countOf(pool);
    };
    await until('it to be left out', () => readsGoTo() === 'db2');
    expect(await readsOf([late!], reads)).toBe(0);
    expect(await readsOf([other!], reads)).toBe(40);
    await delay(late!, flavor, 0);
    await until('it to be read from again', () => readsGoTo() === 'db1,db2');
    over = true;
    await ticking;
    expect(await readsOf([late!], reads)).toBeGreaterThan(10);
  });

  it('leaves a replica out whose applier met an error', async () => {
    const [broken] = topology.replicas;
    // A row that replication will want to insert as well: ER_DUP_ENTRY stops the applier.
    await broken!.setReadOnly(false);
    await broken!.sql(`SET sql_log_bin = 0; INSERT INTO ${topology.database}.counter VALUES (2, 0)`);
    await broken!.setReadOnly(true);
    cluster = poolOver(topology, { consistency: 'eventual', maxLagMs: 500 });
    const { pool } = cluster;
    await until('both to be read from', () => pool.status().readsGoTo.join() === 'db1,db2');
    await pool.query('INSERT INTO counter VALUES (2, 0)');
    await until('it to be left out', async () => {
      await pool.query('UPDATE counter SET v = v + 1 WHERE id = 1');
      return pool.status().readsGoTo.join() === 'db2';
    });
    const [status] = await broken!.sql<Record<string, unknown>>(
      flavor === 'MySQL' ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS',
    );
    expect(status![flavor === 'MySQL' ? 'Replica_SQL_Running' : 'Slave_SQL_Running']).toBe('No');
    expect(status!.Last_SQL_Errno).not.toBe(0);
    const reads = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) expect(await countOf(pool)).toBeGreaterThan(0);
    };
    expect(await readsOf([broken!], reads)).toBe(0);
  });
});
