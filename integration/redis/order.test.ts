import type { ShardedRedis } from 'fairlead/redis';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RedisServers, redisOver, startServers, type TestRedis } from './support.js';

const key = fc.oneof(
  fc.integer({ min: 0, max: 11 }).map((i) => `k${i}`),
  fc.constantFrom('__proto__', 'constructor', '{', '{}', '{k1}x', '', '\u0000', 'ü💥'),
);
const value = fc.oneof(fc.string({ maxLength: 20 }), fc.integer().map(String), fc.constant('y'.repeat(70_000)));
const some = fc.array(key, { minLength: 1, maxLength: 6 });

/** Commands on some keys, so few that they meet. */
const command: fc.Arbitrary<string[]> = fc.oneof(
  fc.tuple(fc.constant('set'), key, value),
  fc.tuple(fc.constantFrom('get', 'incr', 'strlen', 'getdel', 'type', 'hgetall'), key),
  fc.tuple(fc.constantFrom('lpush', 'append', 'sadd'), key, value),
  some.map((keys) => ['mget', ...keys]),
  some.map((keys) => ['del', ...keys]),
  some.map((keys) => ['exists', ...keys]),
  some.map((keys) => ['touch', ...keys]),
  some.map((keys) => ['unlink', ...keys]),
  fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 5 }).map((pairs) => ['mset', ...pairs.flat()]),
);

describe('three servers give what one gives', () => {
  let servers: RedisServers;
  let over: TestRedis;
  let redis: ShardedRedis;
  let plain: Redis;

  beforeAll(async () => {
    servers = await startServers(4);
    over = redisOver(servers.servers.slice(0, 3));
    redis = over.redis;
    const { host, port } = servers.servers[3]!;
    plain = new Redis(port, host);
  });
  afterAll(async () => {
    plain?.disconnect();
    await over?.[Symbol.asyncDispose]();
    await servers?.[Symbol.asyncDispose]();
  });

  const flush = (): Promise<unknown> => Promise.all([redis.flushall(), plain.flushall()]);
  const told = (results: unknown): unknown =>
    JSON.parse(JSON.stringify(results, (_, each) => (each instanceof Error ? each.message : each)));

  it('for pipelines of any commands on any keys, in order', async () => {
    await fc.assert(
      fc
        .asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
          const results = await Promise.all([redis, plain].map((client) => client.pipeline(commands).exec()));
          expect(told(results[0])).toEqual(told(results[1]));
        })
        .beforeEach(flush),
      { numRuns: 150 },
    );
  });

  it('for commands that are sent without waiting, in order', async () => {
    await fc.assert(
      fc
        .asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
          const all = (client: Redis): Promise<unknown> =>
            Promise.all(commands.map(([name, ...args]) => client.call(name!, ...args).catch((error: Error) => error)));
          const [sharded, single] = await Promise.all([all(redis), all(plain)]);
          expect(told(sharded)).toEqual(told(single));
        })
        .beforeEach(flush),
      { numRuns: 100 },
    );
  });

  it('for scans: each key that was there throughout, at least once, and no other', async () => {
    await fc.assert(
      fc
        .asyncProperty(
          fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { maxLength: 80 }),
          fc.integer({ min: 1, max: 30 }),
          async (keys, count) => {
            if (keys.length > 0) await redis.mset(keys.flatMap((each) => [each, '1']));
            const found = new Set<string>();
            for await (const page of redis.scanStream({ count })) for (const each of page as string[]) found.add(each);
            expect([...found].sort()).toEqual([...keys].sort());
          },
        )
        .beforeEach(flush),
      { numRuns: 40 },
    );
  });
});
