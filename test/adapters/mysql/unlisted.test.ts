import { setImmediate } from 'node:timers/promises';
import { createMesh, FairleadError } from 'fairlead';
import { createPool } from 'fairlead/mysql/promise';
import { ManualClock, scriptedResolver, seededRandom } from 'fairlead/testing';
import { expect, it } from 'vitest';

it('a statement fails at once where discovery knows no such service, and so does one that waits then', async () => {
  const clock = new ManualClock();
  const error = new FairleadError('FAIRLEAD_UNLISTED', "No service 'mysql'.", { service: 'mysql' });
  const resolver = scriptedResolver({ clock, script: { mysql: [{ atMs: 100, error }] } });
  const mesh = createMesh({ resolver, clock, random: seededRandom(1) });
  const pool = createPool(mesh, { service: 'mysql', user: 'app' });
  const refusal = { code: 'FAIRLEAD_NO_ENDPOINT', cause: error };
  let ended: unknown;
  pool.query('SELECT 1').catch((thrown: unknown) => {
    ended = thrown;
  });
  await clock.advanceAsync(99);
  expect(ended).toBeUndefined();
  await clock.advanceAsync(1);
  await setImmediate();
  expect(ended).toMatchObject(refusal);
  await expect(pool.query('SELECT 1')).rejects.toMatchObject(refusal);
  await pool.end();
  await mesh.close();
});
