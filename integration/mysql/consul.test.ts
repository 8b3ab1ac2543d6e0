import { createMesh, type Mesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { createPool } from 'fairlead/mysql/promise';
import type { RowDataPacket } from 'mysql2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Consul, type Mysql, SQL_USERS, type SqlTopology, startConsul, startMysql } from '../harness/index.js';
import { until } from '../harness/until.js';
import type { TestPool } from './support.js';

describe('MySQL servers that Consul says are critical', () => {
  let consul: Consul;
  let topology: SqlTopology<Mysql>;
  let mesh: Mesh;
  let pool: TestPool;

  const setHealth = (i: number, status: 'pass' | 'fail'): Promise<unknown> =>
    consul.api('PUT', `/v1/agent/check/${status}/check-db${i}`);
  const seen = (i: number): boolean | undefined =>
    mesh.service('mysql').endpoints.find(({ spec }) => spec.id === `db${i}`)?.spec.healthy !== false;
  const write = (v: string): Promise<unknown> => pool.query('INSERT INTO t (v) VALUES (?)', [v]);
  const portOf = async (route: 'primary' | 'replica'): Promise<number> => {
    const sql = "SELECT VARIABLE_VALUE AS port FROM performance_schema.global_variables WHERE VARIABLE_NAME = 'port'";
    const [rows] = await pool.query<RowDataPacket[]>({ sql, route });
    return Number(rows[0]!.port);
  };

  beforeEach(async () => {
    [consul, topology] = await Promise.all([startConsul(), startMysql()]);
    for (const [i, { host, port }] of [topology.primary, ...topology.replicas].entries()) {
      await consul.register({
        Name: 'mysql',
        ID: `db${i}`,
        Address: host,
        Port: port,
        Check: { CheckID: `check-db${i}`, TTL: '10m', Status: 'passing' },
      });
    }
    mesh = createMesh({ resolver: consulResolver({ address: consul.url }) });
    const login = { ...SQL_USERS.app, database: topology.database };
    pool = createPool(mesh, { service: 'mysql', ...login, probeIntervalMs: 100, acquireTimeoutMs: 700 });
    await write('first');
    await topology.caughtUp();
  });
  afterEach(async () => {
    await pool?.end();
    await mesh?.close();
    await topology?.[Symbol.asyncDispose]();
    await consul?.[Symbol.asyncDispose]();
  });

  it('keeps a critical primary known by its role: nothing that is not writable takes its place', async () => {
    await setHealth(0, 'fail');
    await until('the primary is critical', () => !seen(0));
    await expect(write('nowhere')).rejects.toMatchObject({
      code: 'FAIRLEAD_NO_ENDPOINT',
      message: expect.stringContaining('db0 is primary and unhealthy in the registry, db1 is replica') as string,
    });
    // Reads go on, where they may: also those that must see what was written.
    expect(await portOf('replica')).not.toBe(topology.primary.port);
    await setHealth(0, 'pass');
    await write('second');
    expect(await portOf('primary')).toBe(topology.primary.port);
    const [rows] = await pool.query<RowDataPacket[]>('SELECT v FROM t ORDER BY id');
    expect(rows.map(({ v }) => v as string)).toEqual(['first', 'second']);
  });

  it('writes to the successor of a primary that died, when that accepts writes, and not before', async () => {
    const [next] = topology.replicas;
    await topology.primary.kill();
    await setHealth(0, 'fail');
    await until('the primary is critical', () => !seen(0));
    await expect(write('nowhere')).rejects.toMatchObject({ code: 'FAIRLEAD_NO_ENDPOINT' });
    await topology.promote(next!);
    await write('second');
    expect(await portOf('primary')).toBe(next!.port);
  });

  it('refuses two servers that accept writes, though one of them is critical', async () => {
    const [other] = topology.replicas;
    await setHealth(0, 'fail');
    await until('the primary is critical', () => !seen(0));
    await other!.setReadOnly(false);
    await until('both are known to accept writes', async () => {
      const error = await write('where?').catch((thrown: unknown) => thrown as { code?: string });
      return (error as { code?: string }).code === 'FAIRLEAD_TWO_PRIMARIES';
    });
    for (const server of topology.servers) {
      const [row] = await server.sql<{ n: number }>(
        `SELECT COUNT(*) AS n FROM ${topology.database}.t WHERE v = 'where?'`,
      );
      expect(row!.n).toBe(0);
    }
  });

  it('reads from a critical replica no more, and from it again when it is well', async () => {
    const { port } = topology.replicas[0]!;
    const ports = async (): Promise<Set<number>> =>
      new Set(await Promise.all(Array.from({ length: 30 }, () => portOf('replica'))));
    await until('both replicas serve', async () => (await ports()).size === 2);
    await setHealth(1, 'fail');
    await until('the replica is critical', () => !seen(1));
    expect(await ports()).not.toContain(port);
    await setHealth(1, 'pass');
    await until('both replicas serve again', async () => (await ports()).has(port));
  });
});
