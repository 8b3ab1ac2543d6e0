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
    for (const client of clients) client.on('error', () => undefined);
    // Together: one that is ready while another is waited for says so only once.
    await Promise.all(clients.map((client) => new Promise((resolve) => client.once('ready', resolve))));
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

  it('adds no wait to calls while Redis hangs, but to one a second, and holds again when it goes on', async () => {
    await using redis = await startRedis();
    const storeClient = new Redis({ host: redis.host, port: redis.port });
    const limiter = new RateLimiterRedis({ storeClient, points: 5, duration: 60, keyPrefix: 'hung' });
    const errors: Error[] = [];
    const distributed = { limiter, timeoutMs: 100, onError: (error: unknown) => errors.push(error as Error) };
    const service = createMesh({ resolver: staticResolver({ s: ['127.0.0.1:1'] }) }).service('s', {
      resilience: { limits: { distributed } },
    });
    const call = (clientKey: string): Promise<string> => service.call(() => 'ok', { clientKey });
    await call('before');
    // Answers nobody for a while, as a server does that swaps or runs a long script.
    const other = new Redis({ host: redis.host, port: redis.port });
    await other.ping();
    const script = 'local t = redis.call("TIME")[1] + ARGV[1]; while redis.call("TIME")[1] + 0 < t do end';
    const hung = other.eval(script, 0, 2).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let i = 0; i < 200; i++) expect(await call(`during-${i}`)).toBe('ok');
    // Those that waited are those that were told of; a stalled machine adds a few.
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.length).toBeLessThanOrEqual(5);
    expect(errors[0]?.message).toMatch(/did not answer within 100 ms/);
    await hung;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => call('after')));
    expect(results.filter((each) => each.status === 'fulfilled')).toHaveLength(5);
    storeClient.disconnect();
    other.disconnect();
  });
});
