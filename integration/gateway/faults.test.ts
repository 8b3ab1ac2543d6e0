import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { consecutiveFailures } from 'fairlead';
import { Pool } from 'undici';
import { afterEach, describe, expect, it } from 'vitest';
import { inflight, rawServer, saysWho } from '../http/support.js';
import { gatewayOver } from './support.js';

const CONCURRENCY = 100;

interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

const running: ChildProcess[] = [];
async function start(id: string, port = 0): Promise<Server> {
  const child = fork(join(import.meta.dirname, '../http/server.mjs'), [id, String(port)], { execArgv: [] });
  running.push(child);
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { child, port: message.port };
}
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

async function kill({ child }: Server): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Returns the servers that have run all the time: what they got can be asked. */
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

interface Answer {
  readonly id: string;
  readonly status: number;
}

/** 100 at a time until it is told to stop. */
function load(url: string, method: 'GET' | 'PUT' | 'POST') {
  const pool = new Pool(url, { connections: CONCURRENCY });
  const answers: Answer[] = [];
  let going = true;
  let next = 0;
  const client = async (): Promise<void> => {
    while (going) {
      const id = `r${next++}`;
      const body = method === 'GET' ? null : id;
      const whole = async (): Promise<number> => {
        const response = await pool.request({ path: '/', method, body });
        await response.body.text();
        return response.statusCode;
      };
      // One that broke off was none.
      const got = await whole().catch(() => 0);
      answers.push({ id, status: got });
    }
  };
  const clients = Promise.all(Array.from({ length: CONCURRENCY }, client));
  return {
    answers,
    stop: async (): Promise<readonly Answer[]> => {
      going = false;
      await clients;
      await pool.destroy();
      return answers;
    },
  };
}

describe.each(Object.entries(FAULTS))('while one of three servers %s, 100 requests at a time', (_, fault) => {
  it.each(['GET', 'PUT', 'POST'] as const)('%s', async (method) => {
    const servers = await Promise.all(['a', 'b', 'c'].map((id) => start(id)));
    // Ejection as by default: without it every call would go on paying for a repeat.
    const service = { health: [consecutiveFailures()], resilience: { deadlineMs: 5_000, hedge: { afterMs: 200 } } };
    await using gateway = await gatewayOver(
      servers.map(({ port }) => port),
      {},
      service,
    );
    const { answers, stop } = load(gateway.url, method);
    while (answers.length < 500) await pause(10);
    const left = await fault(servers);
    const before = answers.length;
    while (answers.length < before + 500) await pause(10);
    const failed = (await stop()).filter(({ status }) => status !== 200);
    if (method !== 'POST') expect(failed).toEqual([]);
    else {
      // Only those that were on their way to a server that fell, and they are told as much.
      expect(failed.length).toBeLessThanOrEqual(CONCURRENCY * servers.length);
      expect(failed.filter(({ status }) => status !== 502 && status !== 504)).toEqual([]);
      const delivered: string[] = [];
      for (const { child } of left) {
        child.send('bodies');
        delivered.push(...((await once(child, 'message')) as [{ bodies: string[] }])[0].bodies);
      }
      expect(new Set(delivered).size).toBe(delivered.length);
    }
    for (let i = 0; i < 200 && inflight(gateway.mesh) > 0; i++) await pause(10);
    expect(inflight(gateway.mesh)).toBe(0);
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
