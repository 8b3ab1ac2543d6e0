import { expect, it } from 'vitest';
import { startMysql } from '../harness/index.js';
import { poolOver, type TestPool } from './support.js';

/** Functions that are compiled from text meanwhile: mysql2 makes a reader of rows in this way. */
async function compiledDuring(act: () => Promise<unknown>): Promise<number> {
  const original = globalThis.Function;
  let compiled = 0;
  globalThis.Function = new Proxy(original, {
    apply: (target, self, args) => {
      compiled++;
      return Reflect.apply(target, self, args);
    },
  });
  try {
    await act();
  } finally {
    globalThis.Function = original;
  }
  return compiled;
}

/** Writes, and reads what was written: mostly before the replica that is asked has it. */
const session = (pool: TestPool): Promise<unknown> =>
  pool.session(async () => {
    await pool.query("INSERT INTO t (v) VALUES ('row')");
    await pool.query('SELECT COUNT(*) AS n FROM t');
  });

it('waiting for a position has one reader of rows, whichever it is: the driver keeps one for each', async () => {
  await using topology = await startMysql();
  // Looks that are rare teach little: the replicas are asked to wait.
  await using cluster = poolOver(topology, { probeIntervalMs: 5_000 });
  const { pool } = cluster;
  const several = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) await session(pool);
  };
  await several(20);
  expect(await compiledDuring(() => several(40))).toBeLessThanOrEqual(2);
});
