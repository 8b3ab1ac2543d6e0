import type { ResultSetHeader } from 'mysql2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mysql, type SqlTopology, startMysql } from '../harness/index.js';
import { poolOver } from './support.js';

let topology: SqlTopology<Mysql>;
beforeAll(async () => {
  topology = await startMysql({ replicas: 1 });
});
afterAll(() => topology?.[Symbol.asyncDispose]());

describe('what the application asks of its rows', () => {
  it.each([
    { rowsAsArray: true },
    { nestTables: true },
    { nestTables: '_' },
    { typeCast: () => 'cast' },
    { typeCast: false },
    { dateStrings: true },
    { namedPlaceholders: true },
    { supportBigNumbers: true, bigNumberStrings: true },
    { disableEval: true },
    { compress: true },
  ])('is not asked of the answers that roles and positions come from: %s', async (options) => {
    await using cluster = poolOver(topology, {
      acquireTimeoutMs: 5_000,
      consistencyWaitMs: 5_000,
      ...options,
    } as object);
    const [{ affectedRows }] = await cluster.pool.query<ResultSetHeader>("INSERT INTO t (v) VALUES ('x')");
    expect(affectedRows).toBe(1);
    // Reads of a session that wrote wait for a replica.
    await cluster.pool.query('SELECT * FROM t');
    expect(cluster.pool.route('SELECT * FROM t')).toMatchObject({ target: 'replica', server: 'db1' });
    for (let i = 0; i < 100 && cluster.pool.stats().db1?.idle === 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await cluster.pool.query('SELECT * FROM t');
    }
    expect(cluster.pool.stats().db1?.idle).toBeGreaterThan(0);
  });

  it('shows its typeCast nothing of what the pool asks for itself', async () => {
    const shown = new Set<string>();
    const typeCast = (field: { readonly name: string }, next: () => unknown) => {
      shown.add(field.name);
      return next();
    };
    await using cluster = poolOver(topology, { consistencyWaitMs: 5_000, typeCast } as object);
    await cluster.pool.query("INSERT INTO t (v) VALUES ('y')");
    // Two at once: each connection is asked for its settings when it is new.
    const read = () => cluster.pool.query('SELECT v FROM t');
    await Promise.all([read(), read()]);
    expect([...shown]).toEqual(['v']);
  });
});
