import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { SQL_USERS, startMysql } from '../harness/index.js';
import { endpointsOf } from './support.js';

const children: ChildProcess[] = [];
afterAll(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** The port of a process that serves a program in this framework. */
async function serve(task: object): Promise<number> {
  const child = fork(fileURLToPath(new URL('session-server.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: ['--import', 'tsx', '--conditions=fairlead-source'],
  });
  children.push(child);
  return ((await once(child, 'message')) as [{ port: number }])[0].port;
}

describe('sessionMiddleware', () => {
  it('lets a client read what it wrote, whichever process serves it, by a cookie that changes with it', async () => {
    await using topology = await startMysql();
    // Replicas are a second behind: what was written is not there yet.
    for (const replica of topology.replicas) {
      await replica.sql('STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_DELAY = 1; START REPLICA');
    }
    for (const framework of ['node:http', 'Express', 'Fastify']) {
      const task = { framework, endpoints: endpointsOf(topology), login: SQL_USERS.app, database: topology.database };
      const ports = await Promise.all([serve(task), serve(task)]);
      let cookie = '';
      let set: string | undefined;
      const ask = async (turn: number, path: string, method = 'GET'): Promise<string> => {
        const post = { body: '{"a":1}', headers: { 'content-type': 'application/json', cookie } };
        const response = await fetch(`http://127.0.0.1:${ports[turn % 2]}${path}`, {
          method,
          headers: { cookie },
          ...(method === 'POST' && post),
        });
        [set] = response.headers.getSetCookie();
        if (set !== undefined) cookie = set.split(';')[0]!;
        return await response.text();
      };
      await ask(0, '/nothing');
      expect([framework, set]).toEqual([framework, undefined]);
      for (let turn = 0; turn < 4; turn++) {
        const id = await ask(turn, '/write', 'POST');
        expect([framework, id]).toEqual([framework, expect.stringMatching(/^\d+$/)]);
        expect([framework, set]).toEqual([framework, expect.stringMatching(/^fairlead-mysql=m1\./)]);
        // The other process, at once.
        expect([framework, await ask(turn + 1, `/read?id=${id}`)]).toEqual([framework, '1']);
      }
      await ask(0, '/nothing');
      expect([framework, set]).toEqual([framework, undefined]);
    }
  }, 120_000);
});
