import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createDispatcher } from 'fairlead/http';
import { request } from 'undici';
import { describe, expect, it } from 'vitest';
import { heapUsed } from './heap-used.js';
import { inflight, meshOf } from './support.js';

/** More of them where there is time: `FAIRLEAD_HTTP_REQUESTS=1000000`. */
const REQUESTS = Number(process.env.FAIRLEAD_HTTP_REQUESTS ?? 12_000);
const CONCURRENCY = 32;
/** What a request leaves behind would add up to more than this, be it 128 bytes. */
const ALLOWED_BYTES = REQUESTS * 100;

describe('the heap of a client', () => {
  it.each(['GET', 'PUT'] as const)(
    'is as large after many %s requests as before',
    async (method) => {
      const child = fork(fileURLToPath(new URL('server.mjs', import.meta.url)), ['a'], { execArgv: [] });
      const [{ port }] = (await once(child, 'message')) as [{ port: number }];
      await using mesh = meshOf([port, port]);
      const dispatcher = createDispatcher(mesh, { connections: 8 });
      const body = Buffer.alloc(100, 'x');
      const run = async (count: number): Promise<void> => {
        let left = count;
        const loop = async (): Promise<void> => {
          while (left-- > 0) {
            const answer = await request('http://users/v1', { dispatcher, method, ...(method === 'PUT' && { body }) });
            await answer.body.dump();
          }
        };
        await Promise.all(Array.from({ length: CONCURRENCY }, loop));
      };
      await run(3_000);
      const before = heapUsed();
      await run(REQUESTS);
      const grown = heapUsed() - before;
      expect(inflight(mesh)).toBe(0);
      expect(grown).toBeLessThan(ALLOWED_BYTES);
      await dispatcher.close();
      child.kill('SIGKILL');
    },
    REQUESTS * 50,
  );
});
