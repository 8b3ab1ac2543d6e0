import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createPool, type ReplicatedMysqlPromisePool } from 'fairlead/mysql/promise';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** Refused before a server is chosen: there is none here. */
describe("a statement's own timeout", () => {
  let mesh: Mesh;
  let pool: ReplicatedMysqlPromisePool;
  beforeEach(() => {
    mesh = createMesh({ resolver: staticResolver({ mysql: [] }) });
    pool = createPool(mesh, { service: 'mysql', user: 'app', acquireTimeoutMs: 10 });
  });
  afterEach(async () => {
    await pool.end();
    await mesh.close();
  });

  const METHODS = {
    query: (timeout: unknown) => pool.query({ sql: 'SELECT 1', timeout } as never),
    'query with values': (timeout: unknown) => pool.query({ sql: 'SELECT ?', timeout } as never, [1]),
    execute: (timeout: unknown) => pool.execute({ sql: 'SELECT 1', timeout } as never),
    'query of a connection': async (timeout: unknown) => {
      const connection = await pool.getConnection();
      try {
        await connection.query({ sql: 'SELECT 1', timeout } as never);
      } finally {
        connection.release();
      }
    },
    'prepare of a connection': async (timeout: unknown) => {
      const connection = await pool.getConnection();
      try {
        await connection.prepare({ sql: 'SELECT 1', timeout } as never);
      } finally {
        connection.release();
      }
    },
  };

  describe.each(Object.entries(METHODS))('of %s', (_, run) => {
    it.each<[string, unknown]>([
      ['"x"', 'x'],
      ['"100"', '100'],
      ['-1', -1],
      ['NaN', Number.NaN],
      ['2147483648', 2 ** 31],
      ['true', true],
    ])('that is %s is refused, with the option, the value and what is allowed', async (shown, timeout) => {
      const error = await run(timeout).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ name: 'FairleadError', code: 'FAIRLEAD_INVALID_OPTION' });
      const { message } = error as Error;
      expect(message).toBe(`query.timeout is ${shown}: allowed is a number from 0 to 2147483647.`);
    });

    it.each([undefined, null, 0, 1, 2 ** 31 - 1])('that is %j is taken', async (timeout) => {
      await expect(run(timeout)).rejects.not.toMatchObject({ code: 'FAIRLEAD_INVALID_OPTION' });
    });
  });
});
