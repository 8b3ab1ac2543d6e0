import { createMesh, staticResolver, systemClock } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { allocated } from '../harness/allocated.js';
import type { Redis as Server } from '../harness/index.js';
import { startRedis } from '../harness/index.js';
import { ByHand } from './by-hand.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

/**
 * What a command costs over that of ioredis, in figures that no other work on the machine can
 * change: bytes that our own frames allocate, writes to sockets, timers and commands. Microseconds
 * are measured by `npm run bench -- redis`, and hold nothing up.
 */
const OWN = /\/(src|adapters)\/(?!.*\/node_modules\/).*\.ts/;
const HAND = /\/integration\/redis\/by-hand\.ts/;
const KEYS = Array.from({ length: 100 }, (_, i) => `user:${i}:profile`);
const VALUE = 'x'.repeat(100);
const WARM_UPS = 8;
const pairs = KEYS.flatMap((key) => [key, VALUE]);

function pipelined(client: ShardedRedis): Promise<unknown> {
  const pipeline = client.pipeline();
  for (const key of KEYS) pipeline.set(key, VALUE);
  return pipeline.exec();
}

describe('a command over three servers', () => {
  let servers: Server[];
  let over: TestRedis;
  let hand: ByHand;
  beforeAll(async () => {
    servers = await Promise.all([startRedis(), startRedis(), startRedis()]);
    over = redisOver(servers);
    hand = new ByHand(servers);
    await over.redis.mset(pairs);
  });
  afterAll(async () => {
    hand?.disconnect();
    await over?.[Symbol.asyncDispose]();
    await Promise.all((servers ?? []).map((server) => server[Symbol.asyncDispose]()));
  });

  /** Bytes for one of `count` calls, ten at once, after many that are not counted. */
  async function bytesPer(files: RegExp, count: number, call: (i: number) => Promise<unknown>): Promise<number> {
    const run = async (): Promise<void> => {
      let begun = 0;
      const loop = async (): Promise<void> => {
        while (begun < count) await call(begun++);
      };
      await Promise.all(Array.from({ length: 10 }, loop));
    };
    // Until it is compiled: what is inlined is counted elsewhere.
    for (let i = 0; i < WARM_UPS; i++) await run();
    return (await allocated(files, run)) / count;
  }

  const key = (i: number): string => KEYS[i % KEYS.length]!;

  it('with one key allocates nothing but numbers and places in queues', async () => {
    const get = await bytesPer(OWN, 2_000, (i) => over.redis.get(key(i)));
    const set = await bytesPer(OWN, 2_000, (i) => over.redis.set(key(i), VALUE));
    // Times of the clock, places in queues, and what looks and timers come to.
    expect(get).toBeLessThan(160);
    expect(set).toBeLessThan(160);
  });

  // V8 reports what a callee that it has inlined allocates, a copy of the keys or two, as the
  // caller's, and what ioredis does to make the command: the limits have room for these.
  it.each<[string, (client: ShardedRedis) => Promise<unknown>]>([
    ['MGET', (client) => client.mget(KEYS)],
    ['DEL', (client) => client.del(KEYS)],
    ['UNLINK', (client) => client.unlink(KEYS)],
    ['EXISTS', (client) => client.exists(KEYS)],
    ['TOUCH', (client) => client.touch(KEYS)],
    ['MSET', (client) => client.mset(pairs)],
  ])('%s of 100 keys allocates at most 100 bytes a key', async (_, call) => {
    expect(await bytesPer(OWN, 60, () => call(over.redis))).toBeLessThan(10_000);
  });

  it.each<[string, (client: ShardedRedis) => Promise<unknown>, (by: ByHand) => Promise<unknown>]>([
    ['MSET', (client) => client.mset(pairs), (by) => by.mset(KEYS, VALUE)],
    ['a pipeline of SET', (client) => pipelined(client), (by) => by.pipelined(KEYS, VALUE)],
  ])('%s of 100 keys allocates no more than its split by hand', async (_, ours, theirs) => {
    const own = await bytesPer(OWN, 60, () => ours(over.redis));
    expect(own).toBeLessThan(await bytesPer(HAND, 60, () => theirs(hand)));
  });

  it.each<[string, (client: ShardedRedis) => Promise<unknown>]>([
    ['SET', (client) => client.set(KEYS[0]!, VALUE)],
    ['MGET', (client) => client.mget(KEYS)],
    ['DEL', (client) => client.del(...KEYS)],
    ['MSET', (client) => client.mset(pairs)],
    ['a pipeline of SET', (client) => pipelined(client)],
  ])('%s has its arguments flattened nowhere', async (_, call) => {
    const flat = vi.spyOn(Array.prototype, 'flat');
    try {
      await call(over.redis);
      expect(flat).not.toHaveBeenCalled();
    } finally {
      flat.mockRestore();
    }
  });

  it('is answered the same by both', async () => {
    await over.redis.mset(KEYS.flatMap((each, i) => [each, String(i)]));
    expect(await over.redis.mget(KEYS)).toEqual(await hand.mget(KEYS));
  });
});

describe('an idle client', () => {
  it('wakes once in two probe intervals for all of its shards, and asks each of them once', async () => {
    const servers = await Promise.all([startRedis(), startRedis(), startRedis(), startRedis()]);
    let fired = 0;
    const clock = {
      ...systemClock,
      after: (delayMs: number, fire: () => void) =>
        systemClock.after(delayMs, () => {
          fired++;
          fire();
        }),
    };
    const mesh = createMesh({ resolver: staticResolver({ cache: endpointsOf(servers) }), clock });
    const redis = new ShardedRedis(mesh, { service: 'cache', commandTimeout: undefined });
    try {
      await redis.mget(KEYS);
      const asked = async (): Promise<number> => {
        const stats = await Promise.all(redis.nodes().map((node) => node.info('commandstats')));
        return stats.reduce((sum, text) => sum + Number(/cmdstat_(?:role|ping):calls=(\d+)/.exec(text)?.[1] ?? 0), 0);
      };
      const [firedBefore, askedBefore, beganMs] = [fired, await asked(), systemClock.now()];
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      const looks = Math.floor((systemClock.now() - beganMs) / 400) + 1;
      expect(fired - firedBefore).toBeLessThanOrEqual(looks);
      expect((await asked()) - askedBefore).toBeLessThanOrEqual(looks * servers.length);
      expect(fired - firedBefore).toBeGreaterThan(0);
    } finally {
      redis.disconnect();
      await mesh.close();
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });
});
