import type { RowDataPacket } from 'mysql2';
import { describe, expect, it } from 'vitest';
import { type Mariadb, type Mysql, type SqlTopology, startMariadb, startMysql } from '../harness/index.js';
import { pause } from './load.js';
import { poolOver, SESSION_KEYS, selectsOf, type TestPool } from './support.js';

const REQUESTS = 160;

describe.each([
  ['MySQL', startMysql as () => Promise<SqlTopology<Mysql | Mariadb>>],
  ['MariaDB', startMariadb as () => Promise<SqlTopology<Mysql | Mariadb>>],
] as const)('sessions that go from request to request, on %s', (flavor, start) => {
  /** A counter that is written all the time, and one replica that is a second behind. */
  async function withLag(act: (topology: SqlTopology<Mysql | Mariadb>) => Promise<void>): Promise<void> {
    await using topology = await start();
    await topology.primary.sql(
      `USE ${topology.database}; CREATE TABLE counter (id INT PRIMARY KEY, v INT); INSERT INTO counter VALUES (1, 0)`,
    );
    await topology.caughtUp();
    await topology.replicas[0]!.sql(
      flavor === 'MySQL'
        ? 'STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 1; START REPLICA'
        : 'STOP SLAVE; CHANGE MASTER TO MASTER_DELAY = 1; START SLAVE',
    );
    let over = false;
    const writing = (async () => {
      await using writer = poolOver(topology);
      while (!over) {
        await writer.pool.query('UPDATE counter SET v = v + 1 WHERE id = 1');
        await pause(5);
      }
    })();
    // Until the lag is there.
    await pause(1_500);
    await act(topology).finally(() => {
      over = true;
    });
    await writing;
  }

  const readIn = async (pool: TestPool): Promise<number> => {
    const [rows] = await pool.query<RowDataPacket[]>('SELECT v AS n FROM counter WHERE id = 1');
    return Number(rows[0]!.n);
  };

  it('never go back in time, whichever process serves the next request', async () => {
    await withLag(async (topology) => {
      // Two processes, as far as these pools know.
      await using one = poolOver(topology, { sessionKeys: SESSION_KEYS });
      await using other = poolOver(topology, { sessionKeys: SESSION_KEYS });
      const [primaryBefore, ...before] = await Promise.all(topology.servers.map(selectsOf));
      let token = '';
      let seen = 0;
      let backwards = 0;
      let longest = 0;
      for (let i = 0; i < REQUESTS; i++) {
        const { pool } = i % 2 === 0 ? one : other;
        await pool.session(async () => {
          const n = await readIn(pool);
          if (n < seen) backwards++;
          seen = Math.max(seen, n);
          token = pool.exportSession();
        }, token);
        longest = Math.max(longest, token.length);
        await pause(10);
      }
      const [primaryAfter, ...after] = await Promise.all(topology.servers.map(selectsOf));
      const onReplicas = after.reduce((sum, count, i) => sum + count - before[i]!, 0);
      console.log(
        `${flavor}: ${REQUESTS} requests, ${backwards} back in time; SELECTs, probes included: ` +
          `${primaryAfter! - primaryBefore!} on the primary, ${onReplicas} on replicas; longest token ${longest}`,
      );
      expect(backwards).toBe(0);
      expect(longest).toBeGreaterThan(0);
      expect(longest).toBeLessThanOrEqual(1_024);
    });
  });

  it('are not sent to the primary, nor made to wait, by a token that somebody made up', async () => {
    await using topology = await start();
    await using cluster = poolOver(topology, { sessionKeys: SESSION_KEYS, probeIntervalMs: 60_000 });
    const { pool } = cluster;
    await pool.query('SELECT COUNT(*) FROM t');
    await pause(300);
    await using stranger = poolOver(topology, {
      probeIntervalMs: 60_000,
      sessionKeys: [{ id: 'test', secret: 'another secret, just as long as that' }],
    });
    await stranger.pool.query("INSERT INTO t (v) VALUES ('x')");
    const before = await selectsOf(topology.primary);
    const forged = [
      stranger.pool.exportSession(),
      '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-9999999',
      '0-1-9999999',
      `m1.test.zzzzzz.${Buffer.from('*\n').toString('base64url')}.AAAAAAAAAAAAAAAAAAAAAA`,
    ];
    expect(forged[0]).not.toBe('');
    for (const token of forged) {
      for (let i = 0; i < 5; i++) await pool.session(() => pool.query('SELECT COUNT(*) FROM t'), token);
    }
    expect((await selectsOf(topology.primary)) - before).toBe(0);
  });
});
