import { ShardedRedis } from 'fairlead/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeySpecs } from '../../adapters/redis/commands/key-specs.js';
import { startRedis } from '../harness/index.js';
import { keyOnEach, type RedisServers, redisOver, type TestRedis } from './support.js';

/** Commands under names that ioredis does not know, as those of modules are. */
const RENAMED = { get: 'mod.get', set: 'mod.set', mget: 'mod.mget', eval: 'mod.eval', echo: 'mod.echo' };

describe('commands that ioredis does not know', () => {
  let servers: RedisServers;
  let over: TestRedis;
  let redis: ShardedRedis;

  beforeAll(async () => {
    const args = Object.entries(RENAMED).flatMap(([name, other]) => ['--rename-command', name, other]);
    const started = await Promise.all([1, 2, 3].map(() => startRedis({ args })));
    servers = {
      servers: started,
      [Symbol.asyncDispose]: async () => void (await Promise.all(started.map((each) => each[Symbol.asyncDispose]()))),
    };
    over = redisOver(started);
    redis = over.redis;
  });
  afterAll(async () => {
    await over?.[Symbol.asyncDispose]();
    await servers?.[Symbol.asyncDispose]();
  });

  it('go where the server says that their keys are', async () => {
    for (const key of keyOnEach(redis)) {
      expect(await redis.call('mod.set', key, 'x')).toBe('OK');
      expect(await redis.shard(redis.shardFor(key)).exists(key)).toBe(1);
      expect(await redis.call('MOD.GET', key)).toBe('x');
      expect(await redis.call('mod.eval', 'return KEYS[1]', '1', key)).toBe(key);
    }
  });

  it('are refused where their keys lie on several shards, and where they have none', async () => {
    const [one, two] = keyOnEach(redis) as [string, string];
    await expect(redis.call('mod.mget', one, two)).rejects.toMatchObject({
      code: 'FAIRLEAD_CROSS_SHARD',
      keys: [one, two],
      shards: ['s0', 's1'],
    });
    await expect(redis.call('mod.eval', 'return 1', '0')).rejects.toMatchObject({
      code: 'FAIRLEAD_UNROUTABLE',
      message: expect.stringMatching(/no key in it; name its keys by the option keysOf, or use shard\(name\)/),
    });
    await expect(redis.call('mod.echo', 'x')).rejects.toMatchObject({ code: 'FAIRLEAD_UNROUTABLE' });
    await expect(redis.call('mod.nonsense', 'x')).rejects.toThrow(/unknown command/);
  });

  it('come in pipelines and in MULTI as any others, once their keys are known', async () => {
    const keys = keyOnEach(redis, 'piped');
    const pipeline = redis.pipeline();
    for (const key of keys) pipeline.call('mod.set', key, key).call('mod.get', key);
    expect((await pipeline.exec())!.map(([, value]) => value)).toEqual(keys.flatMap((key) => ['OK', key]));
    const done = await redis.multi().call('mod.get', keys[1]!).call('mod.set', keys[1]!, 'y').exec();
    expect(done).toEqual([
      [null, keys[1]],
      [null, 'OK'],
    ]);
    await expect(redis.multi().call('mod.eval', 'return 1', '1', 'k').exec()).rejects.toThrow(/keys are not known/);
  });

  it('go where the option keysOf says, whatever it throws or gives', async () => {
    const own = new ShardedRedis(over.mesh, {
      service: 'cache',
      keysOf: (command, args) => {
        if (args[0] === 'throw') throw new Error('mistake');
        if (args[0] === 'nonsense') return 7 as never;
        return command === 'mod.set' ? [args[0]!] : undefined;
      },
    });
    const [, key] = keyOnEach(redis) as [string, string];
    expect(await own.call('mod.set', key, 'z')).toBe('OK');
    expect(await own.call('mod.get', key)).toBe('z');
    await expect(own.call('mod.set', 'throw', 'x')).rejects.toThrow(/keysOf threw \(mistake\)/);
    await expect(own.call('mod.set', 'nonsense', 'x')).rejects.toMatchObject({ code: 'FAIRLEAD_UNROUTABLE' });
    own.disconnect();
  });
});

describe('a cache whose keys have a namespace at the servers', () => {
  it('renames the keys of commands that ioredis does not know by their places', async () => {
    const args = Object.entries(RENAMED).flatMap(([name, other]) => ['--rename-command', name, other]);
    await using one = await startRedis({ args });
    await using two = await startRedis({ args });
    await using over = redisOver([one, two], { onFailure: 'next', quarantine: 'generation' });
    const { redis } = over;
    // The value is the name of the key.
    expect(await redis.call('mod.set', 'x', 'x')).toBe('OK');
    expect(await redis.call('mod.get', 'x')).toBe('x');
    await expect(redis.call('mod.eval', 'k', '1', 'k')).rejects.toThrow(/which of its arguments are keys/);
    expect(await redis.call('mod.eval', 'return KEYS[1]', '1', 'k')).toMatch(/^fl:\w+:k$/);
  });

  it('asks the server for their keys where there is one shard, too', async () => {
    const args = Object.entries(RENAMED).flatMap(([name, other]) => ['--rename-command', name, other]);
    await using one = await startRedis({ args });
    await using over = redisOver([one], { onFailure: 'next', quarantine: 'generation' });
    const { redis } = over;
    expect(await redis.call('mod.eval', 'return KEYS[1]', '1', 'k')).toMatch(/^fl:\w+:k$/);
    // Nobody asked for its keys yet, and the server would not say while it queues.
    await redis.multi({ pipeline: false });
    await expect(redis.call('mod.get', 'x')).rejects.toThrow(/keys are not known/);
    await redis.discard();
    expect(await redis.call('mod.set', 'x', 'x')).toBe('OK');
    expect(await redis.pipeline().call('mod.get', 'x').call('mod.mget', 'x', 'y').exec()).toEqual([
      [null, 'x'],
      [null, ['x', null]],
    ]);
    expect(await redis.keys('*')).toEqual(['x']);
    await expect(redis.call('mod.set', 'fl:x', 'x')).rejects.toMatchObject({ code: 'FAIRLEAD_RESERVED_KEY' });
    await expect(redis.call('mod.echo', 'x')).rejects.toMatchObject({ code: 'FAIRLEAD_UNROUTABLE' });
  });
});

describe('the keys of a command as the server tells them', () => {
  const COMMANDS: readonly (readonly string[])[] = [
    ['get', 'k'],
    ['set', 'k', 'v', 'EX', '1'],
    ['mget', 'a', 'b', 'c'],
    ['mset', 'a', '1', 'b', '2'],
    ['del', 'a', 'b'],
    ['blpop', 'a', 'b', '1'],
    ['rename', 'a', 'b'],
    ['zunionstore', 'd', '2', 'a', 'b'],
    ['zunion', '2', 'a', 'b', 'WEIGHTS', '1', '2'],
    ['eval', 'return 1', '2', 'a', 'b', 'c'],
    ['lmpop', '2', 'a', 'b', 'LEFT'],
    ['xread', 'COUNT', '1', 'STREAMS', 'a', 'b', '0', '0'],
    ['xgroup', 'CREATE', 'k', 'g', '0'],
    ['object', 'ENCODING', 'k'],
    ['sintercard', '2', 'a', 'b'],
    ['bitop', 'AND', 'd', 'a', 'b'],
    ['geosearchstore', 'd', 's', 'FROMLONLAT', '1', '1', 'BYRADIUS', '1', 'km'],
    ['ping', 'x'],
    ['config', 'GET', 'x'],
  ];

  it('are those that ioredis finds', async () => {
    await using server = await startRedis();
    const redis = new Redis(server.port, server.host);
    const specs = new KeySpecs((args) => redis.call('command', ...args));
    for (const [name, ...args] of COMMANDS) {
      const expected = new Redis.Command(name!, args as never).getKeys();
      expect([name, ...(await specs.find(name!, args))!]).toEqual([name, ...expected]);
    }
    redis.disconnect();
  });
});
