import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import type { RowDataPacket } from 'mysql2';
import { afterEach, describe, expect, it } from 'vitest';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql } from '../harness/index.js';
import { freePorts } from '../harness/ports.js';
import { until } from '../harness/until.js';
import { pause } from './load.js';
import type { TestPool } from './support.js';

const GROUP = '5e2d3f3a-7a39-4a1c-9c1e-0d5a3c7b9f10';

/** Three members of one group, all of them primaries or only the first. */
class Group implements AsyncDisposable {
  readonly servers: readonly Mysql[];
  readonly #topologies: readonly SqlTopology<Mysql>[];

  private constructor(topologies: readonly SqlTopology<Mysql>[]) {
    this.#topologies = topologies;
    this.servers = topologies.map(({ primary }) => primary);
  }

  static async start(mode: 'multi-primary' | 'single-primary'): Promise<Group> {
    const ports = await freePorts(3, '127.0.0.1');
    const seeds = ports.map((port) => `127.0.0.1:${port}`);
    const multi = mode === 'multi-primary';
    const topologies = await Promise.all(
      seeds.map((address, i) =>
        startMysql({
          replicas: 0,
          args: [
            `--server-id=${i + 1}`,
            '--plugin-load-add=group_replication.so',
            `--loose-group-replication-group-name=${GROUP}`,
            `--loose-group-replication-local-address=${address}`,
            `--loose-group-replication-group-seeds=${seeds.join(',')}`,
            '--loose-group-replication-start-on-boot=OFF',
            // A member that is killed is out once it is suspected, not five seconds later.
            '--loose-group-replication-member-expel-timeout=0',
            '--loose-group-replication-recovery-get-public-key=ON',
            `--loose-group-replication-single-primary-mode=${multi ? 'OFF' : 'ON'}`,
            `--loose-group-replication-enforce-update-everywhere-checks=${multi ? 'ON' : 'OFF'}`,
          ],
        }),
      ),
    );
    const group = new Group(topologies);
    const { user, password } = SQL_USERS.replication;
    for (const [i, server] of group.servers.entries()) {
      // Each made its users and tables by itself: to the group that never happened.
      await server.sql('RESET BINARY LOGS AND GTIDS');
      await server.sql(
        `CHANGE REPLICATION SOURCE TO SOURCE_USER='${user}', SOURCE_PASSWORD='${password}' FOR CHANNEL 'group_replication_recovery'`,
      );
      if (i === 0) {
        await server.sql(
          'SET GLOBAL group_replication_bootstrap_group = ON; START GROUP_REPLICATION; SET GLOBAL group_replication_bootstrap_group = OFF',
        );
      } else await server.sql('START GROUP_REPLICATION');
      await until(`member ${i} is online`, async () => {
        const [row] = await server.sql<{ n: number }>(
          "SELECT COUNT(*) AS n FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'",
        );
        return row!.n === i + 1;
      });
    }
    return group;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // One that shuts down leaves its group first, and waits for the others to agree.
    await Promise.all(this.servers.map((server) => server.running && server.kill()));
    await Promise.all(this.#topologies.map((topology) => topology[Symbol.asyncDispose]()));
  }
}

let end: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const each of end.reverse()) await each();
  end = [];
});

async function groupOf(mode: 'multi-primary' | 'single-primary'): Promise<Group> {
  const group = await Group.start(mode);
  end.push(() => group[Symbol.asyncDispose]());
  return group;
}

function poolOver(group: Group, onTwoPrimaries: 'any' | 'refuse'): TestPool {
  const endpoints = group.servers.map(({ host, port }, i) => ({ id: `db${i}`, host, port }));
  const mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
  end.push(() => mesh.close());
  const login = { ...SQL_USERS.app, database: 'test' };
  const pool = createPool(mesh, { service: 'mysql', ...login, onTwoPrimaries, probeIntervalMs: 100 });
  end.push(() => pool.end());
  return pool;
}

/** Writes and reads back for a while; returns how many reads missed the write before them. */
async function missed(pool: TestPool, times: number): Promise<number> {
  let count = 0;
  for (let i = 0; i < times; i++) {
    await pool.session(async () => {
      await pool.query("INSERT INTO t (id, v) VALUES (1, '0') ON DUPLICATE KEY UPDATE v = ?", [String(i)]);
      const [rows] = await pool.query<RowDataPacket[]>('SELECT v FROM t WHERE id = 1');
      if (i > 0 && rows[0]?.v !== String(i)) count++;
    });
  }
  return count;
}

describe('group replication', () => {
  it('with several primaries is written to at one member and read from at all, if that is asked for', async () => {
    const group = await groupOf('multi-primary');
    await expect(poolOver(group, 'refuse').query('DELETE FROM t')).rejects.toMatchObject({
      code: 'FAIRLEAD_TWO_PRIMARIES',
    });
    const pool = poolOver(group, 'any');
    expect(await missed(pool, 60)).toBe(0);
    await until('all others are read from', () => pool.status().readsGoTo.length === 2);
    expect(pool.status()).toMatchObject({ primary: 'db0', readsGoTo: ['db1', 'db2'] });
    await group.servers[0]!.kill();
    // The next one accepts writes already: there is nothing to be promoted.
    await until('another member is written to', () => pool.status().primary === 'db1');
    expect(await missed(pool, 60)).toBe(0);
    // What each member wrote has numbers of its own, and is read all the same.
    await pool.withConsistency('eventual', async () => {
      await pause(300);
      const [rows] = await pool.query<RowDataPacket[]>('SELECT v FROM t WHERE id = 1');
      expect(rows).toEqual([{ v: '59' }]);
    });
  });

  it('with one primary needs no option, and writes to whoever the group elects', async () => {
    const group = await groupOf('single-primary');
    const pool = poolOver(group, 'refuse');
    expect(await missed(pool, 60)).toBe(0);
    await until('the others are read from', () => pool.status().readsGoTo.length === 2);
    const elected = pool.status().primary;
    await group.servers[Number(elected!.slice(2))]!.kill();
    await until('the group has elected another', () => ![undefined, elected].includes(pool.status().primary));
    expect(await missed(pool, 60)).toBe(0);
  });
});
