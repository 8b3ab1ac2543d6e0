import { classify } from '../../adapters/mysql/statement/classify.js';
import { Router } from '../../adapters/mysql/statement/router.js';
import type { Contender, Suite } from '../runner/suite.js';

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

/** Texts that were never hashed or flattened before, as they come from an application. */
const fresh = (from: number, count: number, make: (n: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(make(from + i)).toString());

/** The least there is to do: look at every character once. */
const reading = (text: string): number => {
  let sum = 0;
  for (let i = 0; i < text.length; i++) sum += text.charCodeAt(i);
  return sum;
};

const over = (make: (n: number) => string, work: () => (text: string) => unknown) => (): Contender => {
  let made = 0;
  const take = work();
  // Made before the turn that uses them.
  let next: string[] = [];
  const prepare = (operations: number): void => {
    if (next.length === operations) return;
    next = fresh(made, operations, make);
    made += operations;
  };
  return {
    run: (operations) => {
      prepare(operations);
      const cpu = process.cpuUsage();
      for (const text of next) take(text);
      const { user, system } = process.cpuUsage(cpu);
      const us = (user + system) / operations / (next[0]!.length / 1_000);
      next = [];
      prepare(operations);
      return { usPerThousandCharacters: us };
    },
  };
};

const routing = (): ((text: string) => unknown) => {
  const router = new Router({ primaryFunctions: [], override: undefined });
  return (text) => router.route(text);
};

const known = Array.from({ length: 100 }, (_, n) => statement(n));
const seenBefore = (): Contender => {
  const router = new Router({ primaryFunctions: [], override: undefined });
  return {
    run: (operations) => {
      for (let i = 0; i < operations; i++) router.route(known[i % 100]!);
      return undefined;
    },
  };
};
const looked = (): Contender => {
  const cache = new Map(known.map((text) => [text, true]));
  return {
    run: (operations) => {
      let found = 0;
      for (let i = 0; i < operations; i++) if (cache.get(known[i % 100]!)) found++;
      return { found: Math.sign(found) };
    },
  };
};

export const suite: Suite = {
  about: 'telling where a statement belongs: seen before, never seen, too long to be remembered',
  rounds: 15,
  cases: [
    {
      title: 'texts seen before',
      operations: 200_000,
      baseline: 'a Map of texts',
      contenders: { 'a Map of texts': looked, 'the router': seenBefore },
    },
    {
      title: 'texts never seen, of about 1,000 characters',
      operations: 2_000,
      baseline: 'looking at each character',
      measure: 'usPerThousandCharacters',
      contenders: {
        'looking at each character': over(kilobyte, () => reading),
        'the scanner': over(kilobyte, () => (text) => classify(text, OPTIONS)),
        'the router, with its cache': over(kilobyte, routing),
      },
    },
    {
      title: 'bulk inserts of 1 MB',
      operations: 4,
      baseline: 'looking at each character',
      measure: 'usPerThousandCharacters',
      contenders: {
        'looking at each character': over(
          (n) => bulk(n, 1_000_000),
          () => reading,
        ),
        'the router': over((n) => bulk(n, 1_000_000), routing),
      },
    },
  ],
};
