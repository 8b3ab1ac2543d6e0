import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import mysql from 'mysql2';

const { ports, login } = JSON.parse(process.env.FAIRLEAD_BENCH);
const host = '127.0.0.1';
const ROUNDS = Number(process.env.ROUNDS ?? 11);
const QUERIES = 4_000;
const CONCURRENCY = 50;
const CONNECTIONS = 10;

const closers = [];

function fairlead(count, options = {}) {
  const endpoints = ports.slice(0, count).map((port) => ({ host, port }));
  const mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
  const pool = createPool(mesh, { service: 'mysql', ...login, connectionLimit: CONNECTIONS, ...options });
  closers.push(() => new Promise((resolve) => pool.end(resolve)).then(() => mesh.close()));
  return pool;
}

function cluster(count) {
  const made = mysql.createPoolCluster();
  for (const port of ports.slice(0, count))
    made.add(`s${port}`, { host, port, ...login, connectionLimit: CONNECTIONS });
  closers.push(() => new Promise((resolve) => made.end(resolve)));
  return made.of('*');
}

function plain() {
  const pool = mysql.createPool({ host, port: ports[0], ...login, connectionLimit: CONNECTIONS });
  closers.push(() => new Promise((resolve) => pool.end(resolve)));
  return pool;
}

/** The three ways to run a statement: the two of the pool, and the one that ORMs take. */
const METHODS = {
  query: (pool, done) => pool.query('SELECT 1 AS a', [], done),
  execute: (pool, done) => pool.execute('SELECT 1 AS a', [], done),
  'getConnection, query, release': (pool, done) =>
    pool.getConnection((error, connection) => {
      if (error) return done(error);
      connection.query('SELECT 1 AS a', [], (failed) => {
        connection.release();
        done(failed);
      });
    }),
};

/** CPU microseconds of this process per query, CONCURRENCY at a time. */
async function round(pool, run) {
  const before = process.cpuUsage();
  await new Promise((resolve, reject) => {
    let started = 0;
    let ended = 0;
    const next = () => {
      started++;
      run(pool, (error) => {
        if (error) return reject(error);
        if (++ended === QUERIES) resolve();
        else if (started < QUERIES) next();
      });
    };
    for (let i = 0; i < CONCURRENCY; i++) next();
  });
  const used = process.cpuUsage(before);
  return (used.user + used.system) / QUERIES;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const signed = (value) => `${value < 0 ? '' : '+'}${value.toFixed(1)}`;

/**
 * All pools in every round, one after the other, so that a disturbed moment disturbs all of them.
 */
async function compare(method, pools) {
  const names = Object.keys(pools);
  const figures = Object.fromEntries(names.map((name) => [name, []]));
  for (const name of names) for (let i = 0; i < 2; i++) await round(pools[name], METHODS[method]);
  for (let i = 0; i < ROUNDS; i++) {
    for (let j = 0; j < names.length; j++) {
      // Each round begins with another one.
      const name = names[(i + j) % names.length];
      figures[name].push(await round(pools[name], METHODS[method]));
    }
  }
  const difference = (name, from) => signed(median(figures[name].map((value, i) => value - figures[from][i])));
  const ratio = (name, from) => median(figures[name].map((value, i) => value / figures[from][i])).toFixed(2);
  console.log(`\n${method}: CPU µs per query, median of ${ROUNDS} rounds of ${QUERIES}`);
  for (const name of names) console.log(`  ${name.padEnd(32)}${median(figures[name]).toFixed(1).padStart(6)}`);
  for (const [name, peer] of PAIRS) {
    console.log(`  ${`${name} above ${peer}`.padEnd(56)}${difference(name, peer).padStart(6)}  ×${ratio(name, peer)}`);
  }
}

const PAIRS = [
  ['fairlead, 1 server', 'mysql2 pool'],
  ['fairlead, 3 servers', 'mysql2 pool'],
  ['fairlead, 1 server', 'PoolCluster, 1 server'],
  ['fairlead, 3 servers', 'PoolCluster, 3 servers'],
];
const pools = {
  'mysql2 pool': plain(),
  'PoolCluster, 1 server': cluster(1),
  'PoolCluster, 3 servers': cluster(3),
  'fairlead, 1 server': fairlead(1),
  'fairlead, 3 servers': fairlead(3),
};
// The servers are asked for their roles.
await new Promise((resolve) => setTimeout(resolve, 1_500));
for (const method of Object.keys(METHODS)) await compare(method, pools);
for (const close of closers) await close();
