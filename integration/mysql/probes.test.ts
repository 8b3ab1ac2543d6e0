import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SQL_USERS, type SqlServer, type SqlTopology, startMariadb, startMysql, until } from '../harness/index.js';
import { endpointsOf, poolOver } from './support.js';

const PROCESSES = 3;

/** A server answers a hundred looks a second: with this interval one process alone has as many. */
const INTERVAL_MS = 10;

async function startProcess(topology: SqlTopology<SqlServer>): Promise<ChildProcess> {
  const task = { endpoints: endpointsOf(topology), login: SQL_USERS.app, probeIntervalMs: INTERVAL_MS };
  const child = fork(fileURLToPath(new URL('look-process.ts', import.meta.url)), [JSON.stringify(task)], {
    execArgv: ['--import', 'tsx', '--conditions=fairlead-source'],
  });
  await once(child, 'message');
  return child;
}

/** Connections of the application that look at this server. */
async function looking(server: SqlServer): Promise<number> {
  const [row] = await server.sql<{ n: number }>(
    "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE user = 'app' AND db = 'information_schema'",
  );
  return Number(row!.n);
}

describe.each<[string, () => Promise<SqlTopology<SqlServer>>]>([
  ['MySQL', startMysql],
  ['MariaDB', startMariadb],
])('processes that look at one %s server', (_name, start) => {
  let topology: SqlTopology<SqlServer>;
  beforeAll(async () => {
    topology = await start();
  });
  afterAll(() => topology[Symbol.asyncDispose]());

  it('have one connection each for it, and look less often the more they are', async () => {
    const children = await Promise.all(Array.from({ length: PROCESSES }, () => startProcess(topology)));
    await until('each process to look at each server', async () => {
      const counts = await Promise.all(topology.servers.map(looking));
      return counts.every((count) => count === PROCESSES);
    });
    await using here = poolOver(topology, { probeIntervalMs: INTERVAL_MS });
    const everyMs = (): number[] => here.pool.status().servers.map(({ probeEveryMs }) => probeEveryMs);
    // Seen without any privilege: these are connections of its own account.
    await until('the pool of this process to know of the others', () =>
      everyMs().every((ms) => ms === (PROCESSES + 1) * INTERVAL_MS),
    );
    expect(here.pool.status().servers.map(({ role }) => role)).toEqual(['primary', 'replica', 'replica']);
    for (const child of children) {
      const gone = once(child, 'exit');
      child.disconnect();
      await gone;
    }
    await until('the connections of the others to be gone', async () => (await looking(topology.primary)) === 1);
  });
});
