import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { createDispatcher } from 'fairlead/http';
import { request } from 'undici';
import { expect, it } from 'vitest';
import { startConsul } from './harness/index.js';

const FILE = fileURLToPath(new URL('shutdown-service.ts', import.meta.url));
const CHAIN = [
  { service: 'front', next: 'middle' },
  { service: 'middle', next: 'back' },
  { service: 'back', next: undefined },
];

async function start(service: string, next: string | undefined, address: string): Promise<ChildProcess> {
  const child = fork(FILE, [JSON.stringify({ service, next, address })], {
    execArgv: ['--import', 'tsx', '--conditions=fairlead-source'],
  });
  const up = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  if (up[0] !== 'up') throw new Error(`${service} did not start`);
  return child;
}

it('a chain of three services is restarted instance by instance under load, and no call fails', {
  timeout: 180_000,
}, async () => {
  await using consul = await startConsul();
  const children = new Map<string, ChildProcess[]>();
  try {
    for (const { service, next } of [...CHAIN].reverse()) {
      children.set(service, [await start(service, next, consul.url), await start(service, next, consul.url)]);
    }
    await using mesh = createMesh({ resolver: consulResolver({ address: consul.url, env: {} }) });
    const dispatcher = createDispatcher(mesh);
    const failures: string[] = [];
    let calls = 0;
    let over = false;
    const worker = async (): Promise<void> => {
      while (!over) {
        calls++;
        try {
          const { statusCode, body } = await request('http://front/', { dispatcher });
          const text = await body.text();
          if (statusCode !== 200 || text !== 'front middle back') failures.push(`${statusCode} ${text}`);
        } catch (error) {
          failures.push(String(error));
        }
      }
    };
    await mesh.service('front').ready();
    const load = Promise.all(Array.from({ length: 8 }, worker));
    const ends: (NodeJS.Signals | null)[] = [];
    for (const { service, next } of CHAIN) {
      const own = children.get(service)!;
      for (let i = 0; i < 2; i++) {
        const fresh = await start(service, next, consul.url);
        const old = own.shift()!;
        own.push(fresh);
        const gone = once(old, 'exit');
        old.kill('SIGTERM');
        const [, signal] = (await gone) as [number | null, NodeJS.Signals | null];
        ends.push(signal);
      }
    }
    over = true;
    await load;
    expect(failures).toEqual([]);
    // Each ended by the signal itself, as if nobody had listened.
    expect(ends).toEqual(Array.from({ length: 6 }, () => 'SIGTERM'));
    expect(calls).toBeGreaterThan(200);
    const listed = await consul.api<unknown[]>('GET', '/v1/catalog/service/front');
    expect(listed).toHaveLength(2);
    await dispatcher.close();
  } finally {
    for (const child of [...children.values()].flat()) child.kill('SIGKILL');
  }
});
