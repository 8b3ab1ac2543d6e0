import { logMesh } from 'fairlead/monitor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startRedis } from '../harness/index.js';
import { endpointsOf, keyOnEach, type RedisServers, redisOver, startServers } from './support.js';

describe('when a shard fails', () => {
  let servers: RedisServers;
  beforeAll(async () => {
    servers = await startServers();
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
  });

  it('fails its commands only, and serves them again when it is back', async () => {
    await using over = redisOver(servers.servers);
    const { redis } = over;
    const keys = keyOnEach(redis);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    const states: string[] = [];
    redis.on('shard', ({ name, state }: { name: string; state: string }) => states.push(`${name} ${state}`));
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const stopLog = logMesh(over.mesh, { info: log, warn: log, error: log }, { gatherMs: 0 });

    await servers.servers[1]!.kill();
    await expect.poll(() => states, { timeout: 15_000 }).toContain('s1 down');
    await expect.poll(() => lines).toContainEqual(expect.stringMatching(/^fairlead: shard is down \(s1 of /));
    stopLog();
    await expect(redis.get(keys[1]!)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's1' });
    expect(await redis.get(keys[0]!)).toBe('v');
    const partial = await redis.mget(keys).catch((error: unknown) => error);
    expect(partial).toMatchObject({
      code: 'FAIRLEAD_PARTIAL_RESULT',
      results: [
        { key: keys[0], shard: 's0', value: 'v', error: undefined },
        { key: keys[1], shard: 's1', value: undefined, error: { code: 'FAIRLEAD_SHARD_UNAVAILABLE' } },
        { key: keys[2], shard: 's2', value: 'v', error: undefined },
      ],
    });
    const info = await redis.info('server');
    expect(info.match(/^(# Shard .*|redis_version|unavailable)/gm)).toEqual([
      ...['# Shard s0', 'redis_version', '# Shard s1', 'unavailable', '# Shard s2', 'redis_version'],
    ]);
    const slots = (await redis.pipeline(keys.map((key) => ['get', key])).exec())!;
    expect(slots.map(([error, value]) => (error === null ? value : 'error'))).toEqual(['v', 'error', 'v']);

    await servers.servers[1]!.restart();
    await expect.poll(() => states, { timeout: 15_000 }).toContain('s1 up');
    expect(await redis.get(keys[1]!)).toBeNull();
  });

  it('leaves room for all else while callers try again at once, and again', async () => {
    await using over = redisOver(servers.servers, { commandTimeout: 60_000 });
    const { redis } = over;
    const keys = keyOnEach(redis);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    await servers.servers[1]!.pause();
    try {
      await expect.poll(() => redis.describeRing().shards[1]!.state, { timeout: 15_000, interval: 20 }).toBe('down');
      const calls: (() => Promise<unknown>)[] = [
        () => redis.get(keys[1]!),
        () => redis.blpop(keys[1]!, 1),
        () => redis.multi().get(keys[1]!).exec(),
        () => redis.mget(keys),
        () => redis.pipeline().get(keys[1]!).exec(),
        () => redis.eval('return 1', 2, keys[0]!, keys[1]!),
      ];
      for (const call of calls) {
        let heard = false;
        setImmediate(() => setImmediate(() => (heard = true)));
        let tries = 0;
        for (; !heard && tries < 10_000; tries++) await call().catch(() => {});
        expect(tries, String(call)).toBeLessThan(10_000);
      }
    } finally {
      await servers.servers[1]!.resume();
    }
    await expect.poll(() => redis.describeRing().shards[1]!.state, { timeout: 15_000 }).toBe('up');
  });

  it('knows of a server that hangs, and of its waking', async () => {
    await using over = redisOver(servers.servers);
    const { redis } = over;
    const keys = keyOnEach(redis);
    await redis.set(keys[2]!, 'v');
    await servers.servers[2]!.pause();
    try {
      await expect.poll(() => redis.describeRing().shards[2]!.state, { timeout: 15_000, interval: 20 }).toBe('down');
      // Long before a command would have failed by its own time limit.
      expect(redis.shardStats()[2]!.timedOut).toBe(0);
      await expect(redis.get(keys[2]!)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE' });
      expect(await redis.set(keys[0]!, 'x')).toBe('OK');
    } finally {
      await servers.servers[2]!.resume();
    }
    await expect.poll(() => redis.describeRing().shards[2]!.state, { timeout: 15_000 }).toBe('up');
    expect(await redis.get(keys[2]!)).toBe('v');
  });

  it('never sends twice what was under way when the connection broke', async () => {
    await using over = redisOver(servers.servers);
    const { redis } = over;
    const [key] = keyOnEach(redis, 'once') as [string];
    await redis.set(key, 0);
    await servers.servers[0]!.pause();
    const first = redis.incr(key).catch((error: unknown) => error);
    await servers.servers[0]!.kill();
    expect(await first).toMatchObject({
      code: 'FAIRLEAD_UNCERTAIN',
      endpoint: 's0',
      cause: { message: 'Connection is closed.' },
    });
    await servers.servers[0]!.restart();
    await expect.poll(() => redis.describeRing().shards[0]!.state, { timeout: 15_000 }).toBe('up');
    expect(await redis.get(key)).toBeNull();
  });

  it('bounds the commands that wait', async () => {
    await using over = redisOver(servers.servers, { maxOfflineCommands: 5 });
    const { redis } = over;
    const [key] = keyOnEach(redis) as [string];
    const waiting = Array.from({ length: 6 }, () =>
      redis.get(key).then(
        () => 'answered',
        (error: { code: string }) => error.code,
      ),
    );
    expect(await Promise.all(waiting)).toEqual([...Array(5).fill('answered'), 'FAIRLEAD_SHARD_UNAVAILABLE']);
  });

  it('moves no more keys than it must when a shard comes, and goes on with what is under way', async () => {
    await using over = redisOver(servers.servers);
    const { redis, resolver } = over;
    const keys = Array.from({ length: 1_000 }, (_, i) => `move:${i}`);
    const before = keys.map((key) => redis.shardFor(key));
    await using fourth = await startRedis();
    const under = keyOnEach(redis).map((key) => redis.set(key, 'v'));
    resolver.update('cache', endpointsOf([...servers.servers, fourth]));
    expect(redis.describeRing().shards.map(({ name }) => name)).toEqual(['s0', 's1', 's2', 's3']);
    const after = keys.map((key) => redis.shardFor(key));
    expect(after.filter((name, i) => name !== before[i]).every((name) => name === 's3')).toBe(true);
    expect(after.filter((name) => name === 's3').length).toBeGreaterThan(150);
    expect(await Promise.all(under)).toEqual(['OK', 'OK', 'OK']);
    resolver.update('cache', endpointsOf(servers.servers));
    expect(keys.map((key) => redis.shardFor(key))).toEqual(before);
  });
});
