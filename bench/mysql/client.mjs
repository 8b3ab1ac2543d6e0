import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import mysql from 'mysql2';

const { ports, login } = JSON.parse(process.env.FAIRLEAD_BENCH);
const host = '127.0.0.1';
const ROUNDS = 9;
const QUERIES = 6_000;
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

/** CPU microseconds of this process per query, CONCURRENCY at a time. */
async function round(pool, method, queries) {
  const before = process.cpuUsage();
  await new Promise((resolve, reject) => {
    let started = 0;
    let ended = 0;
    const next = () => {
      started++;
      pool[method]('SELECT 1 AS a', [], (error) => {
        if (error) return reject(error);
        if (++ended === queries) resolve();
        else if (started < queries) next();
      });
    };
    for (let i = 0; i < CONCURRENCY; i++) next();
  });
  const used = process.cpuUsage(before);
  return (used.user + used.system) / queries;
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

/** All variants in every round, one after the other, so that a disturbed moment disturbs all of them. */
async function compare(title, method, variants) {
  const figures = variants.map(() => []);
  for (const [, pool] of variants) await round(pool, method, QUERIES);
  for (let i = 0; i < ROUNDS; i++) {
    for (let j = 0; j < variants.length; j++) {
      // Each round begins with another one.
      const at = (i + j) % variants.length;
      figures[at].push(await round(variants[at][1], method, QUERIES));
    }
  }
  console.log(
    `\n${title}: CPU µs per query, median of ${ROUNDS} rounds of ${QUERIES}, and the median difference per round`,
  );
  for (const [at, [name]] of variants.entries()) {
    const difference = median(figures[at].map((value, i) => value - figures[0][i]));
    const sign = difference < 0 ? '' : '+';
    console.log(`${name.padEnd(36)} ${median(figures[at]).toFixed(1).padStart(6)}  ${sign}${difference.toFixed(1)}`);
  }
}

const pools = { plain: plain(), cluster1: cluster(1), cluster3: cluster(3), one: fairlead(1), three: fairlead(3) };
await new Promise((resolve) => setTimeout(resolve, 1_500));
for (const method of ['query', 'execute']) {
  await compare(`${method}, one server`, method, [
    ['mysql2 pool', pools.plain],
    ['mysql2 PoolCluster', pools.cluster1],
    ['fairlead', pools.one],
  ]);
  await compare(`${method}, three servers`, method, [
    ['mysql2 PoolCluster', pools.cluster3],
    ['fairlead', pools.three],
  ]);
}

console.log('\nWhere a statement belongs, µs');
const statement = (n) =>
  `SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.state IN ('open', 'paid') ` +
  `AND o.created_at > '2026-01-01 00:00:00' AND c.country = 'NO' /* ${n} */ ORDER BY o.created_at DESC LIMIT 20`;
const kilobyte = (n) => Array.from({ length: 4 }, (_, i) => `(${statement(n * 4 + i)})`).join(' UNION ALL ');
const known = Array.from({ length: 100 }, (_, n) => statement(n));
const best = (run, calls) => {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const start = process.cpuUsage();
    run(i);
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / calls);
  }
  return least;
};
const cached = best(() => {
  for (let i = 0; i < 200_000; i++) pools.three.route(known[i % 100]);
}, 200_000);
const texts = Array.from({ length: ROUNDS }, (_, r) =>
  Array.from({ length: 5_000 }, (_, i) => kilobyte(r * 5_000 + i)),
);
const bytes = texts[0][0].length;
const uncached = best((r) => {
  for (const text of texts[r]) pools.three.route(text);
}, 5_000);
console.log(`seen before: ${cached.toFixed(2)} each`);
console.log(`never seen: ${((uncached * 1_000) / bytes).toFixed(2)} per 1,000 characters (texts of ${bytes})`);
for (const close of closers) await close();
