import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Pool } from 'undici';
import { describe, expect, it } from 'vitest';
import { heapUsed } from '../http/heap-used.js';
import { inflight } from '../http/support.js';
import { figuresOf, gatewayOver } from './support.js';

/** More of them where there is time: `FAIRLEAD_GATEWAY_REQUESTS=1000000`. */
const REQUESTS = Number(process.env.FAIRLEAD_GATEWAY_REQUESTS ?? 6_000);
const CONCURRENCY = 32;
/** What a request leaves behind would add up to more than this, be it 128 bytes. */
const ALLOWED_BYTES = REQUESTS * 100;

describe('the heap of a gateway', () => {
  it(
    'is as large after many requests as before, each with a key, an id, a cookie and a body of its own',
    async () => {
      const child = fork(fileURLToPath(new URL('../http/server.mjs', import.meta.url)), ['a'], { execArgv: [] });
      const [{ port: backend }] = (await once(child, 'message')) as [{ port: number }];
      await using running = await gatewayOver([backend, backend], {
        affinityKeys: [{ id: 'k', secret: 'x'.repeat(32) }],
        accessLog: () => {},
        routes: [
          { match: { path: '/keyed' }, service: 'users', key: { header: 'x-key' }, policy: 'consistent_hash' },
          { match: { path: '/sticky' }, service: 'users', affinity: {} },
          { match: { method: 'GET' }, service: 'users' },
          { service: 'users', retries: { replayBytes: 1_000 } },
        ],
      });
      const pool = new Pool(running.url, { connections: CONCURRENCY });
      let made = 0;
      const one = async (): Promise<void> => {
        const i = made++;
        const paths = ['/keyed', '/sticky', '/', '/put'];
        const path = paths[i % paths.length]!;
        const body = path === '/put' ? Buffer.alloc(100, 'x') : null;
        const headers = { 'x-key': `key-${i}` };
        const answer = await pool.request({ path, method: body === null ? 'GET' : 'PUT', headers, body });
        await answer.body.dump();
        if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
      };
      const run = async (count: number): Promise<void> => {
        const until = made + count;
        const loop = async (): Promise<void> => {
          while (made < until) await one();
        };
        await Promise.all(Array.from({ length: CONCURRENCY }, loop));
      };
      await run(3_000);
      // Caches and compiled code may still grow in one stretch or another; what leaks grows in all.
      const grown: number[] = [];
      for (let stretch = 0; stretch < 4 && !grown.some((bytes) => bytes < ALLOWED_BYTES); stretch++) {
        const before = heapUsed();
        await run(REQUESTS);
        grown.push(heapUsed() - before);
      }
      expect(inflight(running.mesh)).toBe(0);
      expect(figuresOf(running)).toMatchObject({ inflight: 0, replayBytes: 0 });
      expect(Math.min(...grown)).toBeLessThan(ALLOWED_BYTES);
      await pool.close();
      child.kill('SIGKILL');
    },
    60_000 + REQUESTS * 50,
  );
});
