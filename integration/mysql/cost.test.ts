import { createHook } from 'node:async_hooks';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import mysql, { type Pool } from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesBeyond, type Call } from '../harness/allocated.js';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql } from '../harness/index.js';

/**
 * What a statement costs over that of mysql2, in figures that no other work on the machine can
 * change: bytes beyond the driver's, and async resources. Microseconds are measured by
 * `npm run bench -- mysql`, and hold nothing up.
 */
type AnyPool = Pick<Pool, 'query' | 'execute' | 'getConnection'>;

/** More than there are connections: most callers wait for one. */
const OPTIONS = { calls: 2_000, concurrency: 50 };
const CONNECTIONS = 10;
const SQL = 'SELECT 1 AS a';

type Done = (error: unknown) => void;
const METHODS = {
  query: (pool: AnyPool, done: Done) => void pool.query(SQL, [], done),
  execute: (pool: AnyPool, done: Done) => void pool.execute(SQL, [], done),
  getConnection: (pool: AnyPool, done: Done) =>
    pool.getConnection((error, connection) => {
      if (error) done(error);
      else
        connection.query(SQL, [], (failed) => {
          connection.release();
          done(failed);
        });
    }),
};
type Method = keyof typeof METHODS;

const calling =
  (pool: AnyPool, method: Method): Call =>
  () =>
    new Promise<void>((resolve, reject) => {
      METHODS[method](pool, (error) => (error ? reject(error) : resolve()));
    });

describe('a statement', () => {
  let topology: SqlTopology<Mysql>;
  let meshes: Mesh[];
  /** Each beside the driver's own, over one server and over three. */
  let pools: Readonly<Record<1 | 3, { readonly driver: AnyPool; readonly ours: AnyPool }>>;
  let ends: (() => Promise<unknown>)[];

  beforeAll(async () => {
    topology = await startMysql();
    meshes = [];
    ends = [];
    const host = '127.0.0.1';
    const ports = [topology.primary, ...topology.replicas].map(({ port }) => port);
    const login = { ...SQL_USERS.app, database: topology.database, connectionLimit: CONNECTIONS };
    const ours = (count: number): AnyPool => {
      const endpoints = ports.slice(0, count).map((port) => ({ host, port }));
      const mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
      meshes.push(mesh);
      const pool = createPool(mesh, { service: 'mysql', ...login });
      ends.push(() => new Promise((resolve) => pool.end(resolve)));
      return pool as unknown as AnyPool;
    };
    const plain = mysql.createPool({ host, port: ports[0]!, ...login });
    const cluster = mysql.createPoolCluster();
    for (const port of ports) cluster.add(`s${port}`, { host, port, ...login });
    ends.push(() => plain.promise().end());
    ends.push(() => new Promise((resolve) => cluster.end(resolve)));
    pools = {
      1: { driver: plain, ours: ours(1) },
      3: { driver: cluster.of('*') as unknown as AnyPool, ours: ours(3) },
    };
    // Servers are asked for their roles first.
    for (const count of [1, 3] as const) await calling(pools[count].ours, 'query')();
  });
  afterAll(async () => {
    await Promise.all((ends ?? []).map((end) => end()));
    await Promise.all((meshes ?? []).map((mesh) => mesh.close()));
    await topology?.[Symbol.asyncDispose]();
  });

  // Each limit is what was measured and some 300 bytes: a few objects more.
  it.each<[Method, 1 | 3, string, number]>([
    ['query', 1, "mysql2's pool", 400],
    ['execute', 1, "mysql2's pool", 450],
    ['getConnection', 1, "mysql2's pool", 1_250],
    ['query', 3, 'PoolCluster', 50],
    ['execute', 3, 'PoolCluster', 0],
    ['getConnection', 3, 'PoolCluster', 750],
  ])('%s over %i allocates no more than it must beyond %s', async (method, servers, _, limit) => {
    const { driver, ours } = pools[servers];
    const beyond = await bytesBeyond(calling(driver, method), calling(ours, method), OPTIONS);
    expect(beyond).toBeLessThan(limit);
  });

  it.each<[Method, 1 | 3]>([
    ['query', 1],
    ['execute', 1],
    ['getConnection', 1],
    ['query', 3],
  ])('%s over %i has one async resource of its own, though it waits for a connection', async (method, servers) => {
    let made = 0;
    const hook = createHook({
      init: (_id, type) => {
        if (type === 'FairleadCall') made++;
      },
    }).enable();
    const call = calling(pools[servers].ours, method);
    await Promise.all(Array.from({ length: 100 }, call));
    hook.disable();
    expect(made).toBe(100);
  });
});
