import { eq } from 'drizzle-orm';
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core';
import { drizzle } from 'drizzle-orm/mysql2';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql';
import knexFactory from 'knex';
import { Kysely, MysqlDialect } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql } from '../harness/index.js';
import { selectsOf } from './support.js';

let topology: SqlTopology<Mysql>;
let mesh: Mesh;

beforeAll(async () => {
  topology = await startMysql();
  const endpoints = [topology.primary, ...topology.replicas].map((server, i) => ({
    id: `db${i}`,
    host: server.host,
    port: server.port,
  }));
  mesh = createMesh({ resolver: staticResolver({ mysql: endpoints }) });
});
afterAll(async () => {
  await mesh?.close();
  await topology?.[Symbol.asyncDispose]();
});

const newPool = (): ReturnType<typeof createPool> =>
  createPool(mesh, { service: 'mysql', ...SQL_USERS.app, database: topology.database });

describe('kysely', () => {
  it('selects from replicas, writes, runs a transaction, streams and closes', async () => {
    interface Database {
      t: { id: number; v: string };
    }
    const db = new Kysely<Database>({ dialect: new MysqlDialect({ pool: newPool() }) });
    const inserted = await db.insertInto('t').values({ id: 1001, v: 'kysely' }).executeTakeFirstOrThrow();
    expect(inserted.numInsertedOrUpdatedRows).toBe(1n);
    const before = await Promise.all(topology.replicas.map(selectsOf));
    for (let i = 0; i < 10; i++) {
      expect(await db.selectFrom('t').select('v').where('id', '=', 1001).execute()).toEqual([{ v: 'kysely' }]);
    }
    const after = await Promise.all(topology.replicas.map(selectsOf));
    expect(after.reduce((a, b) => a + b) - before.reduce((a, b) => a + b)).toBeGreaterThanOrEqual(10);
    await db.transaction().execute(async (trx) => {
      await trx.updateTable('t').set({ v: 'changed' }).where('id', '=', 1001).execute();
      expect(await trx.selectFrom('t').select('v').where('id', '=', 1001).execute()).toEqual([{ v: 'changed' }]);
    });
    await expect(
      db.transaction().execute(async (trx) => {
        await trx.updateTable('t').set({ v: 'lost' }).where('id', '=', 1001).execute();
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    const streamed: unknown[] = [];
    for await (const row of db.selectFrom('t').select('v').where('id', '=', 1001).stream()) streamed.push(row);
    expect(streamed).toEqual([{ v: 'changed' }]);
    await db.destroy();
  });
});

async function replicaSelects(): Promise<number> {
  const counts = await Promise.all(topology.replicas.map(selectsOf));
  return counts.reduce((a, b) => a + b);
}

/** Nothing is held or waited for any more; a session with state is reset after its release. */
async function nothingHeld(pool: ReturnType<typeof createPool>): Promise<void> {
  const held = (): number => Object.values(pool.stats()).reduce((sum, { busy, waiting }) => sum + busy + waiting, 0);
  for (let i = 0; i < 50 && held() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(held()).toBe(0);
}

describe('drizzle', () => {
  const t = mysqlTable('t', { id: int('id').primaryKey(), v: varchar('v', { length: 64 }) });

  it('selects from replicas, writes, runs transactions, iterates over rows and closes', async () => {
    const pool = newPool();
    const db = drizzle(pool);
    await db.insert(t).values({ id: 2001, v: 'drizzle' });
    const before = await replicaSelects();
    for (let i = 0; i < 10; i++) {
      expect(await db.select().from(t).where(eq(t.id, 2001))).toEqual([{ id: 2001, v: 'drizzle' }]);
    }
    expect((await replicaSelects()) - before).toBeGreaterThanOrEqual(10);
    const streamedBefore = await replicaSelects();
    const rows: unknown[] = [];
    for await (const row of await db.select().from(t).where(eq(t.id, 2001)).iterator()) rows.push(row);
    expect(rows).toEqual([{ id: 2001, v: 'drizzle' }]);
    for await (const _ of await db.select().from(t).iterator()) break;
    expect(await replicaSelects()).toBeGreaterThan(streamedBefore);
    await db.transaction(async (trx) => {
      await trx.update(t).set({ v: 'changed' }).where(eq(t.id, 2001));
      expect(await trx.select().from(t).where(eq(t.id, 2001))).toEqual([{ id: 2001, v: 'changed' }]);
    });
    await expect(
      db.transaction(async (trx) => {
        await trx.update(t).set({ v: 'lost' }).where(eq(t.id, 2001));
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect(await db.select().from(t).where(eq(t.id, 2001))).toEqual([{ id: 2001, v: 'changed' }]);
    await nothingHeld(pool);
    await new Promise<void>((resolve) => pool.end(() => resolve()));
  });
});

describe('knex', () => {
  it('selects from replicas, writes, runs transactions, streams and closes, with the pool as its connectionPool', async () => {
    const pool = newPool();
    const knex = knexFactory({ client: 'mysql2', connectionPool: pool } as never);
    await knex('t').insert({ id: 3001, v: 'knex' });
    const before = await replicaSelects();
    for (let i = 0; i < 10; i++) {
      expect(await knex('t').select('v').where({ id: 3001 })).toEqual([{ v: 'knex' }]);
    }
    expect((await replicaSelects()) - before).toBeGreaterThanOrEqual(10);
    await knex.transaction(async (trx) => {
      await trx('t').where({ id: 3001 }).update({ v: 'changed' });
      expect(await trx('t').select('v').where({ id: 3001 })).toEqual([{ v: 'changed' }]);
    });
    await expect(
      knex.transaction(async (trx) => {
        await trx('t').where({ id: 3001 }).update({ v: 'lost' });
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect(await knex('t').select('v').where({ id: 3001 })).toEqual([{ v: 'changed' }]);
    const rows: unknown[] = [];
    for await (const row of knex('t').select('v').where({ id: 3001 }).stream()) rows.push(row);
    expect(rows).toEqual([{ v: 'changed' }]);
    for await (const _ of knex('t').select('v').stream()) break;
    await nothingHeld(pool);
    await knex.destroy();
    await new Promise<void>((resolve) => pool.end(() => resolve()));
  });
});
