import { EventEmitter } from 'node:events';
import fastifyRateLimit from '@fastify/rate-limit';
import fastifyRedis from '@fastify/redis';
import KeyvRedis from '@keyv/redis';
import { caching } from 'cache-manager';
import { redisInsStore } from 'cache-manager-ioredis-yet';
import RedisStore from 'connect-redis';
import type { ShardedRedis } from 'fairlead/redis';
import fastify from 'fastify';
import { RedisPubSub } from 'graphql-redis-subscriptions';
import { Keyv } from 'keyv';
import { RedisStore as RateLimitStore, type RedisReply } from 'rate-limit-redis';
// @ts-expect-error its package does not say where its types are
import Redlock from 'redlock';
import { describe, expect, it } from 'vitest';
import { overThreeServers } from './suite.js';
import { keyOnEach } from './support.js';

/** Their types name the class of one version of ioredis. */
// biome-ignore lint/suspicious/noExplicitAny: see above
const as = (redis: ShardedRedis): any => redis;
const names = Array.from({ length: 30 }, (_, i) => `name${i}`);

/** docs/redis-libraries.md: a test for each of its lines. */
describe('caches, sessions, limits and locks over three servers', () => {
  let redis: ShardedRedis;
  overThreeServers((client) => {
    redis = client;
  });
  /** How many shards hold such keys. */
  const spread = async (pattern: string): Promise<number> => {
    const counts = await Promise.all(redis.nodes().map(async (shard) => (await shard.keys(pattern)).length));
    return counts.filter((count) => count > 0).length;
  };

  it('keyv needs useRedisSets: false', async () => {
    const cache = new Keyv({ store: new KeyvRedis(as(redis), { useRedisSets: false }), namespace: 'plain' });
    for (const name of names) expect(await cache.set(name, { name }, 60_000)).toBe(true);
    expect(await cache.get(names)).toEqual(names.map((name) => ({ name })));
    expect(await spread('sets:*plain*')).toBe(3);
    expect(await cache.delete(names[0]!)).toBe(true);
    await cache.clear();
    expect(await cache.get(names[1]!)).toBeUndefined();
    // With them each value is written together with a list of all, in one transaction.
    const store = new KeyvRedis(as(redis));
    const refused = names.map((name) =>
      store.set(name, 'v').then(
        () => 'set',
        ({ code }) => code,
      ),
    );
    expect(await Promise.all(refused)).toContain('FAIRLEAD_CROSS_SHARD');
  });

  it('cache-manager needs mset without a time to live, or one set for each key', async () => {
    const store = redisInsStore(as(redis));
    const cache = await caching(store);
    expect(await cache.wrap('wrapped', async () => 'made', 60_000)).toBe('made');
    expect(await cache.wrap('wrapped', async () => 'again', 60_000)).toBe('made');
    const pairs = names.map((name): [string, unknown] => [`managed:${name}`, { name }]);
    await store.mset(pairs);
    expect(await store.mget(...pairs.map(([key]) => key))).toEqual(pairs.map(([, value]) => value));
    expect((await store.keys('managed:*')).sort()).toEqual(pairs.map(([key]) => key).sort());
    expect(await spread('managed:*')).toBe(3);
    await Promise.all(pairs.map(([key, value]) => store.set(key, value, 60_000)));
    expect(await store.ttl(pairs[0]![0])).toBeGreaterThan(0);
    await store.mdel(...pairs.map(([key]) => key));
    expect(await store.keys('managed:*')).toEqual([]);
    // It sends a transaction, and does not look at its errors: so it tells nobody.
    await expect(store.mset(pairs, 60_000)).rejects.toMatchObject({ code: 'FAIRLEAD_CROSS_SHARD' });
    await store.mset(
      pairs.map(([key, value]) => [`{managed}${key}`, value]),
      60_000,
    );
    expect(await store.keys('{managed}*')).toHaveLength(pairs.length);
  });

  it('connect-redis needs nothing', async () => {
    const store = new RedisStore({ client: redis, prefix: 'session:' });
    const run = <T>(act: (done: (error?: unknown, value?: T) => void) => unknown): Promise<T> =>
      new Promise((resolve, reject) => void act((error, value) => (error ? reject(error) : resolve(value as T))));
    const session = (name: string) => ({ cookie: { originalMaxAge: 60_000 }, name }) as never;
    for (const name of names) await run((done) => store.set(name, session(name), done));
    expect(await run((done) => store.get(names[3]!, done))).toMatchObject({ name: names[3] });
    await run((done) => store.touch(names[3]!, session(names[3]!), done));
    expect(await run((done) => store.length(done))).toBe(names.length);
    expect(((await run((done) => store.ids(done))) as string[]).sort()).toEqual([...names].sort());
    expect(await run<unknown[]>((done) => store.all(done))).toHaveLength(names.length);
    expect(await spread('session:*')).toBe(3);
    await run((done) => store.destroy(names[0]!, done));
    await run((done) => store.clear(done));
    expect(await run((done) => store.length(done))).toBe(0);
  });

  it('redlock takes one client and one resource for a lock', async () => {
    const redlock = new Redlock([as(redis)], { retryCount: 0 });
    const [resource, other] = keyOnEach(redis, 'lock') as [string, string];
    let lock = await redlock.acquire([resource], 5_000);
    await expect(redlock.acquire([resource], 5_000)).rejects.toThrow(/quorum/);
    lock = await lock.extend(5_000);
    await lock.release();
    await redlock.using([resource], 5_000, async () => {
      await expect(redlock.acquire([resource], 5_000)).rejects.toThrow(/quorum/);
    });
    await expect(redlock.acquire([resource, other], 5_000)).rejects.toThrow();
    expect(await redis.exists(resource, other)).toBe(0);
    const both = await redlock.acquire([`{${resource}}:a`, `{${resource}}:b`], 5_000);
    await both.release();
  });

  it('@fastify/redis and @fastify/rate-limit need closeClient false, and no more', async () => {
    const app = fastify();
    await app.register(fastifyRedis, { client: as(redis) });
    await app.register(fastifyRateLimit, {
      max: 3,
      timeWindow: 60_000,
      redis: as(app.redis as never),
      keyGenerator: ({ headers }) => String(headers.client),
    });
    app.get('/', async () => await app.redis.incr('hits'));
    for (const client of names.slice(0, 8)) {
      const codes: number[] = [];
      for (let i = 0; i < 4; i++) codes.push((await app.inject({ url: '/', headers: { client } })).statusCode);
      expect(codes).toEqual([200, 200, 200, 429]);
    }
    expect(await redis.get('hits')).toBe('24');
    expect(await spread('fastify-rate-limit-*')).toBe(3);
    await app.close();
    expect(redis.status).toBe('ready');
  });

  it('rate-limit-redis needs sendCommand: (...args) => redis.call(...args)', async () => {
    const store = new RateLimitStore({
      prefix: 'rl:',
      sendCommand: (command: string, ...args: string[]) => redis.call(command, ...args) as Promise<RedisReply>,
    });
    await store.init({ windowMs: 60_000 } as never);
    for (const client of names) {
      expect((await store.increment(client)).totalHits).toBe(1);
      expect((await store.increment(client)).totalHits).toBe(2);
      await store.decrement(client);
      expect((await store.get(client))?.totalHits).toBe(1);
    }
    expect(await spread('rl:*')).toBe(3);
    await store.resetKey(names[0]!);
    expect((await store.increment(names[0]!)).totalHits).toBe(1);
  });

  it('graphql-redis-subscriptions needs nothing', async () => {
    const pubsub = new RedisPubSub({ publisher: redis.duplicate(), subscriber: redis.duplicate() });
    const heard = new EventEmitter();
    const got: string[] = [];
    heard.on('got', (text: string) => got.push(text));
    await Promise.all(
      names.map((name) => pubsub.subscribe(`event.${name}`, (payload: string) => heard.emit('got', payload))),
    );
    await pubsub.subscribe('event.name1*', (payload: string) => heard.emit('got', `any ${payload}`), { pattern: true });
    for (const name of names) await pubsub.publish(`event.${name}`, name);
    const patterned = names.filter((name) => name.startsWith('name1')).map((name) => `any ${name}`);
    await expect.poll(() => [...got].sort(), { timeout: 10_000 }).toEqual([...names, ...patterned].sort());
    await pubsub.close();
  });
});
