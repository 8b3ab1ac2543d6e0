import { createConnection } from 'mysql2/promise';
import { describe, expect, it } from 'vitest';
import { SQL_USERS, type SqlServer, type SqlTopology, startEtcd, startMariadb, startMysql } from './harness/index.js';

const families: [string, () => Promise<SqlTopology<SqlServer>>][] = [
  ['startMysql', startMysql],
  ['startMariadb', startMariadb],
];

const INSERT = 'INSERT INTO test.t (v) VALUES (?)';

/** The values in the table that every topology begins with. */
async function valuesAt(server: SqlServer): Promise<string[]> {
  return (await server.sql<{ v: string }>('SELECT v FROM test.t ORDER BY id')).map((row) => row.v);
}

/** A connection as a client of fairlead would open it. */
function asApp(server: SqlServer) {
  return createConnection({ host: server.host, port: server.port, database: 'test', ...SQL_USERS.app });
}

describe.each(families)('%s', (_, start) => {
  it('gives a primary whose writes reach read-only replicas, survives its loss, and takes the old primary back as a replica', async () => {
    await using topology = await start();
    const [primary, first, second] = topology.servers as [SqlServer, SqlServer, SqlServer];

    const client = await asApp(primary);
    await client.query(INSERT, ['one']);
    await client.end();
    await topology.caughtUp();
    expect(await valuesAt(first)).toEqual(['one']);
    expect(await valuesAt(second)).toEqual(['one']);

    const reader = await asApp(first);
    await expect(reader.query(INSERT, ['no'])).rejects.toThrow(/read-only/);
    await reader.end();

    await primary.kill();
    await topology.promote(first);
    expect(topology.primary).toBe(first);
    await first.sql(INSERT, ['two']);
    await topology.caughtUp();
    expect(await valuesAt(second)).toEqual(['one', 'two']);

    await second.restart();
    await primary.restart();
    await topology.promote(first);
    await first.sql(INSERT, ['three']);
    await topology.caughtUp();
    expect(await valuesAt(primary)).toEqual(['one', 'two', 'three']);
    expect(await valuesAt(second)).toEqual(['one', 'two', 'three']);
  });

  it('gives replicas that are read-only again after a restart, however they ended', async () => {
    await using topology = await start();
    const [replica] = topology.replicas;
    for (const end of ['kill', 'stop'] as const) {
      await replica![end]();
      await replica!.restart();
      const client = await asApp(replica!);
      await expect(client.query(INSERT, ['no'])).rejects.toThrow(/read-only/);
      await client.end();
    }
  });

  it('gives the probe user the state of replication and no data', async () => {
    await using topology = await start();
    const [replica] = topology.replicas;
    const probe = await createConnection({ host: replica!.host, port: replica!.port, ...SQL_USERS.probe });
    const [rows] = await probe.query(start === (startMysql as unknown) ? 'SHOW REPLICA STATUS' : 'SHOW SLAVE STATUS');
    expect(rows).toHaveLength(1);
    await expect(probe.query('SELECT * FROM test.t')).rejects.toThrow(/denied/);
    await probe.end();
  });
});

describe('startEtcd', () => {
  it('keeps its keys over a restart, and loses them when wiped', async () => {
    await using etcd = await startEtcd();
    await etcd.put('/services/users/1', '127.0.0.1:5001');
    const keys = async () =>
      (await etcd.api<{ count?: string }>('/v3/kv/range', { key: btoa('/services/users/1') })).count ?? '0';
    await etcd.kill();
    await etcd.restart();
    expect(await keys()).toBe('1');
    await etcd.restart({ wipe: true });
    expect(await keys()).toBe('0');
  });
});
