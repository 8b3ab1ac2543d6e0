import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inflight, rawServer, saysWho } from '../http/support.js';
import { hold, kill, load, type Server, start } from './fault-load.js';
import { gatewayOver } from './support.js';

const FAULTS: Readonly<Record<string, (servers: readonly Server[]) => Promise<readonly Server[]>>> = {
  'is killed and restarted': async ([victim, ...others]) => {
    await kill(victim!);
    await pause(500);
    await start('again', victim!.port);
    return others;
  },
  'is killed and stays away, its port refusing': async ([victim, ...others]) => {
    await kill(victim!);
    await pause(500);
    return others;
  },
  'is stopped for two seconds': async (servers) => {
    servers[0]!.child.kill('SIGSTOP');
    await pause(2_000);
    servers[0]!.child.kill('SIGCONT');
    return servers;
  },
  'after the other is killed and restarted': async (servers) => {
    for (const server of servers) {
      await kill(server);
      await start('again', server.port);
      await pause(300);
    }
    return [];
  },
};

describe.each(Object.entries(FAULTS))('while one of three servers %s, 100 requests at a time', (_, fault) => {
  it.each(['GET', 'PUT', 'POST'] as const)('%s', async (method) => {
    await hold(method, await Promise.all(['a', 'b', 'c'].map((id) => start(id))), fault);
  });
});

it('an answer that breaks off is an error for each of 100 clients, and whole ones are whole', async () => {
  await using whole = await saysWho('whole');
  const broken = await rawServer((socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf');
    setTimeout(() => socket.destroy(), 5);
  });
  await using gateway = await gatewayOver([whole.port, broken.port], {}, { policy: 'round_robin', health: [] });
  const { answers, stop } = load(gateway.url, 'GET');
  while (answers.length < 1_000) await pause(10);
  const all = await stop();
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200, 0]));
  const ok = all.filter(({ status }) => status === 200).length;
  expect(ok).toBe(whole.requests.length);
  expect(inflight(gateway.mesh)).toBe(0);
  broken.close();
});
