import { createMesh, staticResolver } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import { expect, it } from 'vitest';
import { Relay, SQL_USERS, startMysql } from '../harness/index.js';

it.each([
  ['a clean-up', []],
  ['a rollback', ['SET autocommit = 0']],
])('gives up %s whose answer is lost, and the place that it took', async (what, initStatements) => {
  await using topology = await startMysql({ replicas: 0 });
  await using relay = await Relay.before(topology.primary);
  const mesh = createMesh({ resolver: staticResolver({ mysql: [{ id: 'db0', host: relay.host, port: relay.port }] }) });
  const options = {
    ...SQL_USERS.app,
    database: 'test',
    connectionLimit: 2,
    connectTimeout: 1_000,
    probeIntervalMs: 60_000,
    initStatements,
  };
  const pool = createPool(mesh, { ...options, service: 'mysql' });
  const connection = await pool.getConnection();
  // Without autocommit the read opens a transaction, which is all that is left.
  await connection.query(what === 'a rollback' ? 'SELECT v FROM t' : 'SET @mine = 1');
  relay.swallow();
  connection.release();
  expect(pool.stats().db0!.busy).toBe(1);
  await expect.poll(() => pool.stats().db0!.busy, { timeout: 10_000 }).toBe(0);
  await relay.pass();
  expect((await pool.query('SELECT @mine AS mine'))[0]).toEqual([{ mine: null }]);
  await pool.end();
  await mesh.close();
});

it('gives up a transaction whose beginning is not answered within queryTimeoutMs', async () => {
  await using topology = await startMysql({ replicas: 0 });
  await using relay = await Relay.before(topology.primary);
  const mesh = createMesh({ resolver: staticResolver({ mysql: [{ id: 'db0', host: relay.host, port: relay.port }] }) });
  const options = { ...SQL_USERS.app, database: 'test', queryTimeoutMs: 300, probeIntervalMs: 60_000 };
  const pool = createPool(mesh, { ...options, service: 'mysql' });
  await pool.query('SELECT 1');
  relay.swallow();
  for (const readOnly of [false, true]) {
    const begun = pool.transaction(async () => {}, { readOnly, isolationLevel: 'READ COMMITTED' });
    await expect(begun).rejects.toMatchObject({ code: 'PROTOCOL_SEQUENCE_TIMEOUT' });
    await relay.pass();
    await pool.query('SELECT 1');
    relay.swallow();
  }
  await relay.pass();
  await pool.end();
  await mesh.close();
});
