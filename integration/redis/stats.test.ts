import { meshFigures } from 'fairlead/monitor';
import { Redis as Plain } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpointsOf, keyOnEach, type RedisServers, redisOver, startServers } from './support.js';

describe('the figures of shards', () => {
  let servers: RedisServers;
  beforeAll(async () => {
    servers = await startServers();
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
  });

  it('count commands where they are sent, their errors, and nothing that the client asks for itself', async () => {
    await using over = redisOver(servers.servers, { probeIntervalMs: 10 });
    const { redis, mesh } = over;
    const [a, b, c] = keyOnEach(redis) as [string, string, string];
    for (let i = 0; i < 10; i++) await redis.set(a, 'v');
    await redis.mget(a, b, c);
    await redis.pipeline().get(a).get(b).exec();
    await redis.multi().set(b, '1').incr(b).exec();
    await expect(redis.lpush(c, 'x')).resolves.toBe(1);
    await expect(redis.incr(c)).rejects.toThrow(/WRONGTYPE/);
    expect(await redis.blpop(c, 1)).toEqual([c, 'x']);
    const numbers = redis.shardStats().map(({ name, state, commands, errors, refused }) => {
      return [name, state, commands, errors, refused];
    });
    expect(numbers).toEqual([
      ['s0', 'up', 12, 0, 0],
      ['s1', 'up', 6, 0, 0],
      ['s2', 'up', 4, 1, 0],
    ]);
    expect(redis.shardStats()[2]).toMatchObject({ blocking: 1, offline: 0, replicas: [] });
    const [part] = [...mesh.parts].filter(({ kind }) => kind === 'redis');
    expect(part!.figures!()).toMatchObject({ shards: 3, 'down s0': 0, 'commands s0': 12, 'errors s2': 1 });
    expect(Object.values(part!.figures!()).every(Number.isFinite)).toBe(true);
    using figures = meshFigures(mesh);
    expect(figures.read().parts).toMatchObject([{ kind: 'redis', name: 'cache', figures: { 'commands s0': 12 } }]);
  });

  it('are calls of the service and of the endpoint, with how long they took', async () => {
    await using over = redisOver(servers.servers, { probeIntervalMs: 10 });
    const { redis, mesh } = over;
    const [a, b, c] = keyOnEach(redis) as [string, string, string];
    await redis.get(a);
    using figures = meshFigures(mesh);
    for (let i = 0; i < 20; i++) await redis.set(a, 'v');
    await Promise.all(Array.from({ length: 300 }, () => redis.get(b)));
    await redis.mget(a, b, c);
    await redis.pipeline().del(c).lpush(c, 'x').exec();
    await redis.incr(c).catch(() => {});
    expect(await redis.blpop(c, 1)).toEqual([c, 'x']);
    const [service] = figures.read().services;
    const counted = service!.endpoints.map(({ calls }) => [calls?.outcomes.success, calls?.outcomes.application_error]);
    expect(counted).toEqual([
      [21, 0],
      [301, 0],
      [3, 1],
    ]);
    const [first] = service!.endpoints;
    expect(first!.calls!.timed.count).toBe(21);
    expect(first!.calls!.timed.sumMs).toBeGreaterThan(0);
    expect(first!.calls!.last1m.p50Ms).toBeGreaterThan(0);
    const operations = figures.operations('cache').map((each) => [each.operation, each.status, each.count]);
    expect(operations).toEqual([
      ['SET', '', 20],
      ['GET', '', 300],
      ['MGET', '', 3],
      ['DEL', '', 1],
      ['LPUSH', '', 1],
      ['INCR', 'WRONGTYPE', 1],
    ]);
  });

  it('tell a command that was given up, and one that broke off, as failures of its endpoint', async () => {
    const unlooked = { downAfterMs: 60_000, probeIntervalMs: 60_000 };
    await using over = redisOver(servers.servers, { ...unlooked, commandTimeout: 300 });
    const { redis, mesh } = over;
    const [key] = keyOnEach(redis) as [string];
    await redis.get(key);
    using figures = meshFigures(mesh);
    const server = servers.servers[0]!;
    await server.pause();
    await expect(redis.get(key)).rejects.toThrow('Command timed out');
    const lost = redis.get(key).catch(() => 'lost');
    await server.kill();
    expect(await lost).toBe('lost');
    expect(figures.read().services[0]!.endpoints[0]!.calls!.outcomes).toMatchObject({ timeout: 1, failure: 1 });
    await server.restart();
  });

  it('tell what was refused, was under way, and took too long, where a shard fails', async () => {
    const unlooked = { downAfterMs: 60_000, probeIntervalMs: 60_000 };
    await using over = redisOver(servers.servers, { ...unlooked, commandTimeout: 60_000 });
    await using hasty = redisOver(servers.servers, { ...unlooked, commandTimeout: 300 });
    const { redis } = over;
    const [key] = keyOnEach(redis) as [string];
    await redis.set(key, 'v');
    const server = servers.servers[0]!;
    expect(await hasty.redis.get(key)).toBe('v');
    await server.pause();
    await expect(hasty.redis.get(key)).rejects.toThrow('Command timed out');
    expect(hasty.redis.shardStats()[0]).toMatchObject({ timedOut: 1, uncertain: 0, errors: 0 });
    const lost = [redis.get(key), redis.incr(key)].map((each) => each.catch((error: { code?: string }) => error.code));
    expect(redis.shardStats()[0]!.inflight).toBe(2);
    await server.kill();
    expect(await Promise.all(lost)).toEqual(['FAIRLEAD_UNCERTAIN', 'FAIRLEAD_UNCERTAIN']);
    await expect.poll(() => redis.shardStats()[0]!.state, { timeout: 10_000 }).toBe('down');
    await expect(redis.get(key)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE' });
    await expect(redis.multi().get(key).exec()).rejects.toThrow();
    const { commands, refused, uncertain, errors } = redis.shardStats()[0]!;
    expect({ commands, refused, uncertain, errors }).toEqual({ commands: 3, refused: 4, uncertain: 2, errors: 0 });
    await server.restart();
  });

  it('count the keys that were brought by a hand-over', async () => {
    const options = { handover: { windowMs: 60_000, settleMs: 0, background: false } };
    await using over = redisOver(servers.servers.slice(0, 2), options);
    const { redis, resolver } = over;
    const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    resolver.update('cache', endpointsOf(servers.servers));
    await redis.mget(keys);
    const stats = redis.shardStats();
    const moved = keys.filter((key) => redis.shardFor(key) === 's2').length;
    expect(stats[2]).toMatchObject({ movedIn: moved, movedOut: 0 });
    expect(stats[0]!.movedOut + stats[1]!.movedOut).toBe(moved);
    const plain = new Plain(servers.servers[0]!.port, servers.servers[0]!.host);
    await plain.flushall();
    plain.disconnect();
  });
});
