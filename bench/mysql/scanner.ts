/**
 * What it costs to tell where a statement belongs: seen before, never seen, and too long to be
 * remembered. CPU time, the best of the rounds. `npm run bench:mysql:scanner`
 */
import { classify } from '../../adapters/mysql/statement/classify.js';
import { Router } from '../../adapters/mysql/statement/router.js';

const ROUNDS = 15;
const OPTIONS = { primaryFunctions: new Set<string>() };

/** A text as applications send them: names, strings, numbers, operators. */
const statement = (n: number): string =>
  `SELECT o.id, o.total, c.name FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.state IN ('open', 'paid') ` +
  `AND o.created_at > '2026-01-01 00:00:00' AND c.country = 'NO' /* ${n} */ ORDER BY o.created_at DESC LIMIT 20`;
const kilobyte = (n: number): string =>
  Array.from({ length: 4 }, (_, i) => `(${statement(n * 4 + i)})`).join(' UNION ALL ');
/** A bulk insert, as an ORM writes it. */
const bulk = (n: number, bytes: number): string => {
  const row = `(${n}, 'Ada Lovelace', 'ada@example.com', 1815, NULL, '2026-01-01 00:00:00')`;
  return `INSERT INTO people (id, name, mail, born, died, seen) VALUES ${Array(Math.ceil(bytes / row.length))
    .fill(row)
    .join(', ')}`;
};

/** CPU microseconds per call. */
function best(calls: number, run: (round: number) => void): number {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage();
    run(round);
    const { user, system } = process.cpuUsage(start);
    least = Math.min(least, (user + system) / calls);
  }
  return least;
}

/** Texts nobody has hashed or flattened before, as they come from an application. */
const fresh = (count: number, make: (n: number) => string): string[][] =>
  Array.from({ length: ROUNDS }, (_, round) =>
    Array.from({ length: count }, (_, i) => Buffer.from(make(round * count + i)).toString()),
  );

const row = (name: string, figure: string): void => console.log(`${name.padEnd(48)}${figure.padStart(12)}`);

const router = new Router({ primaryFunctions: [], override: undefined });
const known = Array.from({ length: 100 }, (_, n) => statement(n));
const cached = best(200_000, () => {
  for (let i = 0; i < 200_000; i++) router.route(known[i % 100]!);
});
row('seen before, per statement', `${cached.toFixed(3)} µs`);

const kilobytes = fresh(2_000, kilobyte);
const { length } = kilobytes[0]![0]!;
const scanned = best(2_000, (round) => {
  for (const text of kilobytes[round]!) classify(text, OPTIONS);
});
row('scanned, per 1,000 characters', `${((scanned * 1_000) / length).toFixed(2)} µs`);

const unseen = best(2_000, (round) => {
  for (const text of kilobytes[round]!) router.route(text);
});
row('never seen, with the cache, per 1,000 characters', `${((unseen * 1_000) / length).toFixed(2)} µs`);

const megabytes = fresh(4, (n) => bulk(n, 1_000_000));
const long = best(4, (round) => {
  for (const text of megabytes[round]!) router.route(text);
});
row('a bulk insert of 1 MB', `${(long / 1_000).toFixed(2)} ms`);
