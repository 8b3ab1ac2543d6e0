import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import mysql, { type Pool } from 'mysql2';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { filling } from '../support/heap.js';
import { atOnceWithCallbacks } from '../support/loop.js';

interface World {
  /** The primary first. */
  readonly ports: readonly number[];
  readonly login: { readonly user: string; readonly password: string; readonly database: string };
}

const CONNECTIONS = 10;
/** Until servers have been asked for their roles; milliseconds. */
const SETTLE_MS = 1_500;
const host = '127.0.0.1';

/** So many servers by name. Beyond three they are the two replicas under other names. */
const portsOf = ({ ports }: World, count: number): number[] => {
  const [primary, ...replicas] = ports;
  return Array.from({ length: count }, (_, i) => (i === 0 ? primary! : replicas[(i - 1) % replicas.length]!));
};

type Done = (error?: unknown) => void;
/** What mysql2's pools, those of a cluster and ours have in common. */
type AnyPool = Pick<Pool, 'query' | 'execute' | 'getConnection'>;

/** The three ways to run a statement: the two of the pool, and the one that ORMs take. */
const METHODS = {
  query: (pool: AnyPool, done: Done) => void pool.query('SELECT 1 AS a', [], done),
  execute: (pool: AnyPool, done: Done) => void pool.execute('SELECT 1 AS a', [], done),
  'getConnection, query, release': (pool: AnyPool, done: Done) =>
    pool.getConnection((error, connection) => {
      if (error) return done(error);
      connection.query('SELECT 1 AS a', [], (failed) => {
        connection.release();
        done(failed);
      });
    }),
};

type Make = (world: World) => { readonly pool: AnyPool; close(done: () => void): void };

const plain: Make = ({ ports, login }) => {
  const pool = mysql.createPool({ host, port: ports[0]!, ...login, connectionLimit: CONNECTIONS });
  return { pool, close: (done) => void pool.end(done) };
};
const cluster =
  (count: number): Make =>
  (world) => {
    const made = mysql.createPoolCluster();
    for (const [i, port] of portsOf(world, count).entries()) {
      made.add(`s${i}`, { host, port, ...world.login, connectionLimit: CONNECTIONS });
    }
    return { pool: made.of('*') as unknown as AnyPool, close: (done) => void made.end(done) };
  };
const fairlead =
  (count: number): Make =>
  (world) => {
    const endpoints = portsOf(world, count).map((port, i) => ({ id: `s${i}`, host, port }));
    const mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
    const pool = createPool(mesh, { service: 'mysql', ...world.login, connectionLimit: CONNECTIONS });
    return { pool: pool as unknown as AnyPool, close: (done) => void pool.end(() => void mesh.close().then(done)) };
  };

const POOLS: Readonly<Record<string, Make>> = {
  'mysql2 pool, 1 server': plain,
  'PoolCluster, 1 server': cluster(1),
  'PoolCluster, 3 servers': cluster(3),
  'fairlead, 1 server': fairlead(1),
  'fairlead, 3 servers': fairlead(3),
  'PoolCluster, 20 servers': cluster(20),
  'fairlead, 20 servers': fairlead(20),
};

const contender =
  (make: Make, method: keyof typeof METHODS, concurrency: number) =>
  async (world: World): Promise<Contender> => {
    const { pool, close } = make(world);
    // Servers are asked for their roles first.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return {
      run: async (operations) => {
        await atOnceWithCallbacks(operations, concurrency, (_, done) => METHODS[method](pool, done));
        return undefined;
      },
      close: () => new Promise<void>((resolve) => close(resolve)),
    };
  };

const comparing = (method: keyof typeof METHODS, servers: 1 | 3 | 20, concurrency: number): Case<World> => {
  const names = Object.keys(POOLS).filter((name) => name.includes(`, ${servers} server`));
  return {
    title: `${method}, ${servers} ${servers === 1 ? 'server' : 'servers'}, ${concurrency} at once`,
    operations: concurrency === 1 ? 1_000 : 3_000,
    baseline: servers === 1 ? 'mysql2 pool, 1 server' : `PoolCluster, ${servers} servers`,
    ...(servers > 1 && { targets: { [`fairlead, ${servers} servers`]: 1 } }),
    contenders: Object.fromEntries(names.map((name) => [name, contender(POOLS[name]!, method, concurrency)])),
  };
};

type Made = ReturnType<Make>;
const ended = (made: Made): void => made.close(() => {});

const connecting =
  (make: (count: number) => Make) =>
  async (count: number, world: World): Promise<Made[]> => {
    const made = make(count)(world);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    await atOnceWithCallbacks(count * 2, count * 2, (_, done) => METHODS.query(made.pool, done));
    return [made];
  };

/** A connection to each of 20 servers. */
const SERVERS = 20;
const connected: Case<World> = {
  title: 'a server with a connection, bytes on the heap',
  operations: SERVERS,
  rounds: 3,
  warmups: 1,
  baseline: 'PoolCluster',
  measure: 'heapBytesEach',
  contenders: Object.fromEntries(
    Object.entries({ PoolCluster: cluster, fairlead }).map(([name, make]) => [name, filling(connecting(make), ended)]),
  ),
};

const METHOD_NAMES = Object.keys(METHODS) as (keyof typeof METHODS)[];

export const suite: Suite<World> = {
  about: "a query's client CPU beside mysql2's pool and PoolCluster, over one server, three and twenty",
  rounds: 15,
  start: async () => {
    const { SQL_USERS, startMysql } = await import('../../integration/harness/index.js');
    const topology = await startMysql();
    return {
      world: {
        ports: [topology.primary, ...topology.replicas].map(({ port }) => port),
        login: { ...SQL_USERS.app, database: topology.database },
      },
      stop: async () => {
        await topology[Symbol.asyncDispose]();
      },
    };
  },
  cases: [
    ...METHOD_NAMES.flatMap((method) => [comparing(method, 1, 50), comparing(method, 3, 50)]),
    comparing('query', 1, 1),
    comparing('query', 3, 1),
    ...METHOD_NAMES.flatMap((method) => [comparing(method, 1, 10), comparing(method, 3, 10)]),
    comparing('query', 20, 10),
    comparing('query', 3, 100),
    comparing('query', 20, 100),
    connected,
  ],
};
