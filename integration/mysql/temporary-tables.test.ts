import { expect, it } from 'vitest';
import { startMariadb, until } from '../harness/index.js';
import { connectionsAt } from './load.js';
import { poolOver } from './support.js';

it('a primary of MariaDB that is demoted under sessions with temporary tables follows its successor', async () => {
  await using topology = await startMariadb({ replicas: 1 });
  const { primary: before, replicas } = topology;
  const [next] = replicas;
  await using cluster = poolOver(topology);
  const held = await cluster.pool.getConnection();
  await held.query('CREATE TEMPORARY TABLE mine (a INT)');
  await before.setReadOnly(true);
  await next!.waitFor(await before.position());
  await topology.promote(next!);
  const written = await next!.position();
  held.destroy();
  await cluster.pool.end();
  await until('the session is over', async () => (await connectionsAt(before)) === 0);
  expect(await before.position()).toBe(written);
  await next!.sql("INSERT INTO test.t (v) VALUES ('after')");
  await topology.caughtUp();
});
