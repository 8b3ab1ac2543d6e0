import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { consecutiveFailures } from 'fairlead';
import { Pool } from 'undici';
import { afterEach, expect } from 'vitest';
import { inflight } from '../http/support.js';
import { gatewayOver } from './support.js';

/** Requests at a time. */
export const CONCURRENCY = 100;
/** Requests before the fault, and after it. */
const ENOUGH = 200;

export interface Server {
  readonly child: ChildProcess;
  readonly port: number;
}

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

/** `how`: `close` for a server that ends each connection after its answer. */
export async function start(id: string, port = 0, how = ''): Promise<Server> {
  const child = fork(join(import.meta.dirname, '../http/server.mjs'), [id, String(port), how], { execArgv: [] });
  running.push(child);
  const [message] = (await once(child, 'message')) as [{ port: number }];
  return { child, port: message.port };
}

export async function kill({ child }: Server): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** All that a server has got whole. */
export async function bodiesOf({ child }: Server): Promise<readonly string[]> {
  child.send('bodies');
  return ((await once(child, 'message')) as [{ bodies: string[] }])[0].bodies;
}

export interface Answer {
  readonly id: string;
  readonly status: number;
}

export type Method = 'GET' | 'PUT' | 'POST';

export interface Load {
  readonly answers: readonly Answer[];
  stop(): Promise<readonly Answer[]>;
}

/** 100 at a time until it is told to stop. */
export function load(url: string, method: Method): Load {
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

/**
 * Load through a gateway while a fault lasts. GET and PUT: none fails. POST: delivered at most
 * once, and those fail alone that were on their way to a server that fell; the client is told as
 * much. `fault` returns the servers that have run all the time: what they got can be asked.
 */
export async function hold(
  method: Method,
  servers: readonly Server[],
  fault: (servers: readonly Server[]) => Promise<readonly Server[]>,
): Promise<void> {
  // Ejection as by default: without it every call would go on paying for a repeat.
  const service = { health: [consecutiveFailures()], resilience: { deadlineMs: 5_000, hedge: { afterMs: 200 } } };
  await using gateway = await gatewayOver(
    servers.map(({ port }) => port),
    {},
    service,
  );
  const { answers, stop } = load(gateway.url, method);
  while (answers.length < ENOUGH) await pause(10);
  const left = await fault(servers);
  const before = answers.length;
  while (answers.length < before + ENOUGH) await pause(10);
  const failed = (await stop()).filter(({ status }) => status !== 200);
  if (method !== 'POST') expect(failed).toEqual([]);
  else {
    expect(failed.length).toBeLessThanOrEqual(CONCURRENCY * servers.length);
    expect(failed.filter(({ status }) => status !== 502 && status !== 504)).toEqual([]);
    const delivered = (await Promise.all(left.map(bodiesOf))).flat();
    expect(new Set(delivered).size).toBe(delivered.length);
  }
  for (let i = 0; i < 200 && inflight(gateway.mesh) > 0; i++) await pause(10);
  expect(inflight(gateway.mesh)).toBe(0);
}
