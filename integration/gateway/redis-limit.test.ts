import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { expect, it } from 'vitest';
import { startRedis } from '../harness/index.js';
import { saysWho } from '../http/support.js';
import { gatewayOver } from './support.js';

it('a rate limit over Redis holds for two gateways together, keeps no long key, and lets pass when Redis is gone', async () => {
  await using redis = await startRedis();
  await using backend = await saysWho('a');
  const clients = [1, 2].map(
    () => new Redis({ host: redis.host, port: redis.port, enableOfflineQueue: false, retryStrategy: () => null }),
  );
  for (const client of clients) client.on('error', () => undefined);
  await Promise.all(clients.map((client) => new Promise((resolve) => client.once('ready', resolve))));
  const gateways = await Promise.all(
    clients.map((storeClient) =>
      gatewayOver([backend.port], {
        rateLimiters: { shared: new RateLimiterRedis({ storeClient, points: 4, duration: 60, keyPrefix: 'gw' }) },
        routes: [
          { name: 'api', service: 'users', rateLimit: { requests: 4, store: 'shared', by: { header: 'x-key' } } },
        ],
      }),
    ),
  );
  const ask = (i: number, key: string) => fetch(gateways[i % 2]!.url, { headers: { 'x-key': key } });
  const statuses: number[] = [];
  for (let i = 0; i < 6; i++) statuses.push((await ask(i, 'short')).status);
  expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  const long = 'k'.repeat(1_000);
  const first = await ask(0, long);
  expect([first.status, first.headers.get('ratelimit')]).toEqual([200, expect.stringMatching(/^"api";r=3;t=\d+$/)]);
  const hash = createHash('sha256').update(Buffer.from(long, 'utf16le')).digest('base64url');
  expect((await clients[0]!.keys('*')).sort()).toEqual([`gw:api:${hash}`, 'gw:api:short'].sort());
  const refused = await ask(1, 'short');
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  await redis.kill();
  expect((await ask(0, 'short')).status).toBe(200);
  for (const client of clients) client.disconnect();
  for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
});
