import { createMesh, type FairleadError, staticResolver } from 'fairlead';
import { Redis } from 'ioredis';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { describe, expect, it } from 'vitest';
import { startRedis } from '../harness/index.js';

describe('a limit shared over Redis', () => {
  it('holds for two clients together, and lets calls pass when Redis is gone', async () => {
    await using redis = await startRedis();
    const clients = [1, 2].map(
      () => new Redis({ host: redis.host, port: redis.port, enableOfflineQueue: false, retryStrategy: () => null }),
    );
    for (const client of clients) {
      client.on('error', () => undefined);
      await new Promise((resolve) => client.once('ready', resolve));
    }
    const errors: unknown[] = [];
    const services = clients.map((storeClient) => {
      const limiter = new RateLimiterRedis({ storeClient, points: 10, duration: 60, keyPrefix: 'shared' });
      const distributed = { limiter, onError: (error: unknown) => errors.push(error) };
      return createMesh({ resolver: staticResolver({ s: ['127.0.0.1:1'] }) }).service('s', {
        resilience: { limits: { distributed } },
      });
    });
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, (_, i) => services[i % 2]!.call(() => 'ok', { clientKey: 'tenant' })),
    );
    const refused = results.flatMap((each) => (each.status === 'rejected' ? [each.reason as FairleadError] : []));
    expect(refused).toHaveLength(20);
    for (const { code, retryAfterMs } of refused) {
      expect(code).toBe('FAIRLEAD_RATE_LIMITED');
      expect(retryAfterMs).toBeGreaterThan(50_000);
    }
    for (const client of clients) client.disconnect();
    expect(await services[0]!.call(() => 'ok', { clientKey: 'another' })).toBe('ok');
    expect(errors.length).toBeGreaterThan(0);
  });
});
