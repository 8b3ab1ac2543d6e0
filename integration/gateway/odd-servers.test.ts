import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, it } from 'vitest';
import { hold, type Server, start } from './fault-load.js';

/** How long the fault lasts; milliseconds. */
const FAULT_MS = 500;

/** The first server does so for a while; what it got is known. */
const meanwhile =
  (mode: string) =>
  async (servers: readonly Server[]): Promise<readonly Server[]> => {
    servers[0]!.child.send({ mode });
    await pause(FAULT_MS);
    servers[0]!.child.send({ mode: '' });
    return servers;
  };

describe.each([
  ['resets connections in the middle of uploads', 'reset'],
  ['answers byte by byte, and never to the end of the head', 'drip'],
  ['answers garbage', 'garbage'],
])('while one of three servers %s, 100 requests at a time', (_, mode) => {
  it.each(['GET', 'PUT', 'POST'] as const)('%s', async (method) => {
    await hold(method, await Promise.all(['a', 'b', 'c'].map((id) => start(id))), meanwhile(mode));
  });
});

/** One after the other finishes what it has, ends, and starts again on its port. */
const rolling =
  (how: string) =>
  async (servers: readonly Server[]): Promise<readonly Server[]> => {
    const again: Server[] = [];
    for (const { child, port } of servers) {
      child.send('finish');
      await once(child, 'exit');
      again.push(await start('again', port, how));
      await pause(200);
    }
    return again;
  };

describe.each([
  ['keep connections', ''],
  ['end each connection', 'close'],
])('while three servers that %s are restarted in turn, 100 requests at a time', (_, how) => {
  it.each(['GET', 'PUT', 'POST'] as const)('%s', async (method) => {
    await hold(method, await Promise.all(['a', 'b', 'c'].map((id) => start(id, 0, how))), rolling(how));
  });
});
