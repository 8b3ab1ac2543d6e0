import { createRequire } from 'node:module';
import { createMesh, type Mesh, staticResolver } from 'fairlead';
import { createDriver } from 'fairlead/mysql';
import knexFactory, { type Knex } from 'knex';
import { DataTypes, Sequelize } from 'sequelize';
import { DataSource, EntitySchema } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mysql, SQL_USERS, type SqlTopology, startMysql, until } from '../harness/index.js';
import { connectionsAt, killConnections } from './load.js';
import { endpointsOf, selectsOf } from './support.js';

let topology: SqlTopology<Mysql>;
let mesh: Mesh;

beforeAll(async () => {
  topology = await startMysql();
  mesh = createMesh({ resolver: staticResolver({ mysql: endpointsOf(topology) }) });
});
afterAll(async () => {
  await mesh?.close();
  await topology?.[Symbol.asyncDispose]();
});

const newDriver = (): Record<string, unknown> =>
  createDriver(mesh, { service: 'mysql', ...SQL_USERS.app, database: topology.database });

async function replicaSelects(): Promise<number> {
  const counts = await Promise.all(topology.replicas.map(selectsOf));
  return counts.reduce((a, b) => a + b);
}

interface Row {
  id: number;
  v: string;
}

const entity = new EntitySchema<Row>({
  name: 't',
  columns: { id: { type: 'int', primary: true }, v: { type: 'varchar', length: 64 } },
});

describe('TypeORM with an injected driver', () => {
  it.each([
    ['a single server in its options', {}],
    ['replication in its options', { replication: { master: { host: 'unused' }, slaves: [{ host: 'unused' }] } }],
  ])('selects from replicas, writes, runs a transaction and closes, with %s', async (name, options) => {
    const id = name.length * 100;
    const source = await new DataSource({
      type: 'mysql',
      driver: newDriver(),
      database: topology.database,
      entities: [entity],
      ...options,
    } as never).initialize();
    const rows = source.getRepository(entity);
    await rows.insert({ id, v: 'typeorm' });
    const before = await replicaSelects();
    for (let i = 0; i < 10; i++) expect(await rows.findOneBy({ id })).toEqual({ id, v: 'typeorm' });
    expect((await replicaSelects()) - before).toBeGreaterThanOrEqual(10);
    const streamedBefore = await replicaSelects();
    const streamed: unknown[] = [];
    for await (const row of await rows.createQueryBuilder('t').where('t.id = :id', { id }).stream()) streamed.push(row);
    expect(streamed).toEqual([{ t_id: id, t_v: 'typeorm' }]);
    expect(await replicaSelects()).toBeGreaterThan(streamedBefore);
    await source.transaction(async (manager) => {
      await manager.update(entity, { id }, { v: 'changed' });
      expect(await manager.findOneBy(entity, { id })).toEqual({ id, v: 'changed' });
    });
    await expect(
      source.transaction(async (manager) => {
        await manager.update(entity, { id }, { v: 'lost' });
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect(await rows.findOneBy({ id })).toEqual({ id, v: 'changed' });
    await source.destroy();
  });
});

describe('Sequelize with an injected driver', () => {
  it('selects from replicas, writes, runs a transaction and closes', async () => {
    const sequelize = new Sequelize({ dialect: 'mysql', dialectModule: newDriver(), logging: false });
    const table = sequelize.define(
      't',
      { id: { type: DataTypes.INTEGER, primaryKey: true }, v: DataTypes.STRING },
      { tableName: 't', timestamps: false },
    );
    await table.create({ id: 4001, v: 'sequelize' });
    const read = async (): Promise<unknown> => (await table.findByPk(4001))?.get('v');
    const before = await replicaSelects();
    for (let i = 0; i < 10; i++) expect(await read()).toBe('sequelize');
    expect((await replicaSelects()) - before).toBeGreaterThanOrEqual(9);
    await sequelize.transaction(async (transaction) => {
      await table.update({ v: 'changed' }, { where: { id: 4001 }, transaction });
      expect((await table.findByPk(4001, { transaction }))?.get('v')).toBe('changed');
    });
    await expect(
      sequelize.transaction(async (transaction) => {
        await table.update({ v: 'lost' }, { where: { id: 4001 }, transaction });
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect(await read()).toBe('changed');
    await sequelize.close();
  });
});

describe('knex with an injected driver, as before it took a pool', () => {
  it('selects from replicas, writes, runs a transaction over a lost connection, and closes', async () => {
    const Mysql2 = createRequire(import.meta.url)('knex/lib/dialects/mysql2') as typeof Knex.Client;
    const driver = newDriver();
    class Client extends Mysql2 {
      _driver(): unknown {
        return driver;
      }
    }
    const knex = knexFactory({ client: Client, connection: {} });
    await knex('t').insert({ id: 5001, v: 'knex' });
    const before = await replicaSelects();
    for (let i = 0; i < 10; i++) {
      expect(await knex('t').select('v').where({ id: 5001 })).toEqual([{ v: 'knex' }]);
    }
    expect((await replicaSelects()) - before).toBeGreaterThanOrEqual(10);
    for (const server of topology.servers) await killConnections(server);
    await knex.transaction(async (trx) => {
      await trx('t').where({ id: 5001 }).update({ v: 'changed' });
      expect(await trx('t').select('v').where({ id: 5001 })).toEqual([{ v: 'changed' }]);
    });
    await expect(
      knex.transaction(async (trx) => {
        await trx('t').where({ id: 5001 }).update({ v: 'lost' });
        throw new Error('roll back');
      }),
    ).rejects.toThrow('roll back');
    expect(await knex('t').select('v').where({ id: 5001 })).toEqual([{ v: 'changed' }]);
    await knex.destroy();
    await until('no connection is left', async () => (await connectionsAt(topology.primary)) === 0);
  });
});
