import { inspect } from 'node:util';
import type { ShardedRedis, ShardedRedisOptions } from 'fairlead/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CALLS, type Call } from './one-shard-calls.js';
import { LIVES } from './one-shard-lives.js';
import { type RedisServers, redisOver, startServers, type TestRedis } from './support.js';

/** What became of a call, so that two can be compared: errors by all that one sees of them. */
async function outcomeOf(call: Call, redis: Redis): Promise<unknown> {
  try {
    return { replied: comparable(await call(redis)) };
  } catch (error) {
    return { failed: comparable(error) };
  }
}

function comparable(value: unknown): unknown {
  if (value instanceof Error) {
    const { command, previousErrors } = value as { command?: unknown; previousErrors?: unknown };
    // Those of fairlead have a name and a code of their own, and the message of ioredis.
    const name = value.name === 'FairleadError' ? 'Error' : value.name;
    return { error: name, message: value.message, command, previousErrors: comparable(previousErrors) };
  }
  if (Buffer.isBuffer(value)) return `bytes ${value.toString('hex')}`;
  if (Array.isArray(value)) return value.map(comparable);
  return value;
}

/**
 * One server behind the service: then nothing distinguishes the client from ioredis. Run for each
 * version of it.
 */
export function describeOneShard(version: string, optionSets: readonly Partial<ShardedRedisOptions>[]): void {
  describe.each(optionSets)(`one shard and ioredis ${version} itself, with %j`, (options) => {
    let servers: RedisServers;
    let over: TestRedis;
    let sharded: ShardedRedis;
    let plain: Redis;

    beforeAll(async () => {
      servers = await startServers(2);
      over = redisOver(servers.servers.slice(0, 1), options);
      sharded = over.redis;
      const { host, port } = servers.servers[1]!;
      plain = new Redis(port, host, options as object);
      await Promise.all([sharded.ping(), plain.ping()]);
    });
    afterAll(async () => {
      plain?.disconnect();
      await over?.[Symbol.asyncDispose]();
      await servers?.[Symbol.asyncDispose]();
    });

    it.each([...LIVES, ...CALLS])(
      '%s: the same comes of it',
      async (_, call) => {
        const [expected, got] = [await outcomeOf(call, plain), await outcomeOf(call, sharded)];
        expect(inspect(got, { depth: 9 })).toBe(inspect(expected, { depth: 9 }));
      },
      10_000,
    );
  });
}
