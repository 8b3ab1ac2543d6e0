import type { ShardedRedis } from 'fairlead/redis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startRedis } from '../harness/index.js';
import { endpointsOf, keyOnEach, type RedisServers, redisOver, startServers, type TestRedis } from './support.js';

describe('subscriptions, and commands that wait', () => {
  let servers: RedisServers;
  let over: TestRedis;
  let redis: ShardedRedis;
  let subscriber: ShardedRedis;
  let heard: string[];

  beforeEach(async () => {
    servers = await startServers();
    over = redisOver(servers.servers);
    redis = over.redis;
    redis.on('error', () => {});
    await redis.ping();
    subscriber = redis.duplicate();
    subscriber.on('error', () => {});
    heard = [];
    subscriber.on('message', (channel, message) => heard.push(`${channel}=${message}`));
    subscriber.on('pmessage', (_, channel, message) => heard.push(`*${channel}=${message}`));
  });
  afterEach(async () => {
    subscriber?.disconnect();
    await over?.[Symbol.asyncDispose]();
    await servers?.[Symbol.asyncDispose]();
  });

  /** Publishes on each channel until somebody hears it. */
  const publish = async (channels: readonly string[], message: string): Promise<void> => {
    for (const channel of channels) {
      await expect
        .poll(async () => await redis.publish(channel, message).catch(() => 0), { timeout: 5_000 })
        .toBeGreaterThan(0);
    }
  };

  it('come back by themselves when a server was killed and is there again', async () => {
    const channels = keyOnEach(redis, 'news');
    await subscriber.subscribe(...channels);
    await servers.servers[1]!.kill();
    await publish([channels[0]!, channels[2]!], 'meanwhile');
    await servers.servers[1]!.restart();
    await publish(channels, 'again');
    await expect.poll(() => channels.every((channel) => heard.includes(`${channel}=again`))).toBe(true);
    expect(heard.filter((each) => each === `${channels[0]}=meanwhile`)).toHaveLength(1);
  });

  it('go on where the last sharded channel of a shard is left, and sharded ones where all others are', async () => {
    const keys = keyOnEach(redis);
    subscriber.on('smessage', (channel, message) => heard.push(`s${channel}=${message}`));
    const [plain, sharded] = [keys, keys];
    await subscriber.subscribe(...plain);
    for (const channel of sharded) await subscriber.ssubscribe(channel);
    await subscriber.sunsubscribe(...sharded);
    await publish(plain, '1');
    await expect.poll(() => [...heard].sort()).toEqual(plain.map((channel) => `${channel}=1`).sort());
    heard.length = 0;
    for (const channel of sharded) await subscriber.ssubscribe(channel);
    await subscriber.unsubscribe(...plain);
    for (const channel of sharded) {
      await expect.poll(() => redis.spublish(channel, '2').catch(() => 0), { timeout: 5_000 }).toBe(1);
    }
    await expect.poll(() => [...heard].sort()).toEqual(sharded.map((channel) => `s${channel}=2`).sort());
  });

  it('move with their channels when a shard comes and goes: each message once', async () => {
    const channels = Array.from({ length: 30 }, (_, i) => `topic:${i}`);
    await subscriber.subscribe(...channels);
    await subscriber.psubscribe('topic:*');
    await using fourth = await startRedis();
    over.resolver.update('cache', endpointsOf([...servers.servers, fourth]));
    const moved = channels.filter((channel) => redis.shardFor(channel) === 's3');
    expect(moved.length).toBeGreaterThan(0);
    const numbers = async (): Promise<unknown[]> => {
      const counts = (await redis.pubsub('NUMSUB', ...channels)) as unknown[];
      return counts.filter((_, i) => i % 2 === 1).map(Number);
    };
    await expect.poll(numbers, { timeout: 5_000 }).toEqual(channels.map(() => 1));
    await expect.poll(async () => await redis.shard('s3').pubsub('NUMPAT')).toBe(1);
    await publish(channels, 'hi');
    await expect.poll(() => heard.length).toBe(60);
    expect([...heard].sort()).toEqual(channels.flatMap((channel) => [`${channel}=hi`, `*${channel}=hi`]).sort());
    over.resolver.update('cache', endpointsOf(servers.servers));
    await publish(channels, 'back');
    await expect.poll(() => channels.every((channel) => heard.includes(`${channel}=back`))).toBe(true);
  });

  it('survive changes that follow each other within milliseconds, one with an owner that is not there', async () => {
    const channels = Array.from({ length: 12 }, (_, i) => `topic:${i}`);
    await subscriber.subscribe(...channels);
    await using fourth = await startRedis();
    await using fifth = await startRedis();
    await fifth.kill();
    const all = endpointsOf([...servers.servers, fourth, fifth]);
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
    for (const listed of [all.slice(0, 4), all.slice(1, 4), all, all.slice(1)]) {
      over.resolver.update('cache', listed);
      await pause();
    }
    await expect.poll(() => JSON.stringify(subscriber)).toMatch(/"name":"s4",[^}]*"state":"down"/);
    await fifth.restart();
    await publish(channels, 'after');
    await expect.poll(() => channels.every((channel) => heard.includes(`${channel}=after`))).toBe(true);
    expect(new Set(heard).size).toBe(heard.length);
  });

  it('leave an owner that is stopped without waiting for it', async () => {
    const channels = Array.from({ length: 12 }, (_, i) => `topic:${i}`);
    await subscriber.subscribe(...channels);
    await subscriber.psubscribe('other:*');
    await using fourth = await startRedis();
    await servers.servers[0]!.pause();
    over.resolver.update('cache', endpointsOf([...servers.servers, fourth]));
    const moved = channels.filter((channel) => redis.shardFor(channel) === 's3');
    const counts = async (): Promise<unknown[]> => [
      await redis
        .shard('s3')
        .pubsub('CHANNELS')
        .then((names) => (names as string[]).sort()),
      await redis.shard('s3').pubsub('NUMPAT'),
    ];
    await expect.poll(counts).toEqual([moved.sort(), 1]);
    over.resolver.update('cache', endpointsOf([...servers.servers, fourth]).slice(1));
    await publish(channels, 'meanwhile');
    await expect.poll(() => channels.every((channel) => heard.includes(`${channel}=meanwhile`))).toBe(true);
    await servers.servers[0]!.resume();
    over.resolver.update('cache', endpointsOf(servers.servers));
    await publish(channels, 'again');
    await expect.poll(() => channels.every((channel) => heard.includes(`${channel}=again`))).toBe(true);
  });

  it('with a shard down: SUBSCRIBE of its channels is refused as a whole, PSUBSCRIBE reaches it later', async () => {
    const channels = keyOnEach(redis, 'news');
    const down = new Promise<void>((resolve) => subscriber.on('shard', ({ state }) => state === 'down' && resolve()));
    await servers.servers[1]!.kill();
    await down;
    await expect(subscriber.subscribe(...channels)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE' });
    expect(subscriber.mode).toBe('normal');
    for (const name of ['s0', 's2']) expect(await redis.shard(name).pubsub('CHANNELS')).toEqual([]);
    expect(await subscriber.psubscribe('news*')).toBe(1);
    await servers.servers[1]!.restart();
    await publish(channels, 'hi');
    await expect.poll(() => heard.sort()).toEqual(channels.map((channel) => `*${channel}=hi`).sort());
  });

  it('end at once when the client is disconnected, and do not outlive its shard', async () => {
    const waiting = redis.duplicate();
    const keys = keyOnEach(redis, 'queue');
    const told = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(() => 'answered').catch((error) => error.message);
    const popped = keys.map((key) => told(waiting.blpop(key, 0)));
    await expect
      .poll(async () => await redis.info('clients'))
      .toMatch(/blocked_clients:1[\s\S]*blocked_clients:1[\s\S]*blocked_clients:1/);
    await servers.servers[0]!.kill();
    expect(await popped[0]).toMatch(/connection to shard 's0' broke/);
    waiting.disconnect();
    expect(await popped[1]).toBe('Connection is closed.');
    expect(await popped[2]).toBe('Connection is closed.');
    // The servers see nobody wait any more.
    for (const name of ['s1', 's2']) {
      await expect.poll(async () => await redis.shard(name).info('clients')).toMatch(/blocked_clients:0/);
    }
  });
});
