import { systemClock } from 'fairlead';
import type { ShardedRedis } from 'fairlead/redis';
import { DistributedLimit } from 'fairlead/resilience';
import { RateLimiterRedis } from 'rate-limiter-flexible';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { overThreeServers } from './suite.js';
import { keyOnEach, type RedisServers, redisOver } from './support.js';

/** What well-known libraries call on an ioredis client, in the way they call it. */
describe('the calls of libraries, over three servers', () => {
  let servers: RedisServers['servers'];
  let redis: ShardedRedis;
  overThreeServers((client, started) => {
    redis = client;
    servers = started;
  });
  beforeAll(async () => void (await redis.ping()));
  beforeEach(async () => {
    await redis.flushall();
  });

  it('connect-redis: sessions with a TTL, all of them, and clear()', async () => {
    for (let i = 0; i < 40; i++) await redis.set(`sess:${i}`, JSON.stringify({ i }), 'EX', 100);
    expect(JSON.parse((await redis.get('sess:7'))!)).toEqual({ i: 7 });
    expect(await redis.expire('sess:7', 200)).toBe(1);
    const keys: string[] = [];
    const stream = redis.scanStream({ match: 'sess:*', count: 10 });
    await new Promise((resolve, reject) => {
      stream.on('data', (page: string[]) => keys.push(...page));
      stream.on('end', resolve);
      stream.on('error', reject);
    });
    expect(new Set(keys).size).toBe(40);
    expect((await redis.mget(keys)).every((value) => value !== null)).toBe(true);
    expect(await redis.del([...new Set(keys)])).toBe(40);
    expect(await redis.dbsize()).toBe(0);
  });

  it('@fastify/redis: waits for ready, decorates, quits', async () => {
    const client = redis.duplicate();
    await new Promise((resolve, reject) => {
      client.once('ready', resolve);
      client.once('end', reject);
      client.once('error', reject);
    });
    expect(client.status).toBe('ready');
    expect(await client.quit()).toBe('OK');
    expect(client.status).toBe('end');
  });

  it('redlock: a lock of one resource per script, released by its owner only', async () => {
    const acquire =
      "if redis.call('exists', KEYS[1]) == 1 then return 0 end redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1";
    const release = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0";
    const hash = (await redis.script('LOAD', acquire)) as string;
    for (const key of keyOnEach(redis, 'lock')) {
      expect(await redis.evalsha(hash, 1, key, 'mine', 1_000)).toBe(1);
      expect(await redis.evalsha(hash, 1, key, 'theirs', 1_000)).toBe(0);
      expect(await redis.eval(release, 1, [key, 'theirs'])).toBe(0);
      expect(await redis.eval(release, 1, [key, 'mine'])).toBe(1);
    }
  });

  it('cache-manager and keyv: many keys at once, a TTL each, clearing a namespace', async () => {
    const entries = Array.from({ length: 30 }, (_, i) => [`cache:${i}`, `v${i}`] as const);
    const pipeline = redis.pipeline();
    for (const [key, value] of entries) pipeline.set(key, value, 'PX', 60_000);
    expect((await pipeline.exec())!.every(([error, reply]) => error === null && reply === 'OK')).toBe(true);
    expect(await redis.mget(...entries.map(([key]) => key))).toEqual(entries.map(([, value]) => value));
    expect(await redis.pttl('cache:3')).toBeGreaterThan(50_000);
    expect((await redis.keys('cache:*')).length).toBe(30);
    expect(await redis.unlink(...(await redis.keys('cache:*')))).toBe(30);
    expect(await redis.exists('cache:1', 'cache:2')).toBe(0);
  });

  it('socket.io: a subscriber of its own, by patterns and bytes', async () => {
    const subscriber = redis.duplicate();
    const heard: string[] = [];
    subscriber.on('pmessageBuffer', (_: string, channel: Buffer, message: Buffer) =>
      heard.push(`${channel}=${message}`),
    );
    subscriber.on('messageBuffer', (channel: Buffer, message: Buffer) => heard.push(`${channel}=${message}`));
    await subscriber.psubscribe('socket.io#/#*');
    await subscriber.subscribe('socket.io-request#/#', 'socket.io-response#/#');
    await redis.publish('socket.io#/#room#', Buffer.from('hi'));
    await redis.publish('socket.io-request#/#', 'ask');
    await expect.poll(() => [...heard].sort()).toEqual(['socket.io#/#room#=hi', 'socket.io-request#/#=ask']);
    const counts = (await redis.pubsub('NUMSUB', 'socket.io-request#/#')) as unknown[];
    expect(counts[1]).toBe(1);
    await subscriber.quit();
  });

  it('a distributed rate limit: one budget for two processes, open while Redis is gone', async () => {
    const second = redisOver(servers);
    const limitOver = (client: ShardedRedis, onError: () => void): DistributedLimit =>
      new DistributedLimit(
        {
          limiter: new RateLimiterRedis({ storeClient: client, points: 10, duration: 60, keyPrefix: 'api' }),
          timeoutMs: 500,
          onError,
        },
        systemClock,
      );
    let failures = 0;
    const [one, two] = [redis, second.redis].map((client) => limitOver(client, () => failures++)) as [
      DistributedLimit,
      DistributedLimit,
    ];
    for (const user of ['ann', 'bob', 'cleo']) {
      const waits: number[] = [];
      for (let i = 0; i < 8; i++) waits.push(await one.tryAcquire(user), await two.tryAcquire(user));
      expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(10);
    }
    expect(failures).toBe(0);
    const owner = servers[Number(redis.shardFor('api:dan').slice(1))]!;
    await owner.kill();
    expect(await one.tryAcquire('dan')).toBe(0);
    expect(failures).toBe(1);
    await owner.restart();
    await expect
      .poll(() => redis.describeRing().shards.every(({ state }) => state === 'up'), { timeout: 5_000 })
      .toBe(true);
    await second[Symbol.asyncDispose]();
  });
});
