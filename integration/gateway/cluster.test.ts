import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Pool } from 'undici';
import { expect, it } from 'vitest';
import { saysWho } from '../http/support.js';

it('serves one port from several processes of a cluster, each with limits of its own', async () => {
  await using backend = await saysWho('a');
  const child = fork(join(import.meta.dirname, 'cluster.mjs'), [String(backend.port)], {
    execArgv: ['--import', 'tsx', '--conditions=fairlead-source'],
  });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const workers = new Set<string>();
  const limited = { ok: 0, refused: 0 };
  for (let i = 0; i < 12; i++) {
    // A connection of its own: the primary hands them out by turns.
    const pool = new Pool(`http://127.0.0.1:${port}`);
    const response = await pool.request({ path: '/', method: 'GET' });
    await response.body.text();
    if (response.headers.via !== undefined) workers.add(String(response.headers.via));
    if (response.statusCode === 200) limited.ok++;
    else limited.refused++;
    await pool.destroy();
  }
  expect(workers).toEqual(new Set(['1.1 worker-1', '1.1 worker-2']));
  expect(limited).toEqual({ ok: 4, refused: 8 });
  child.send('end');
  await once(child, 'exit');
});
