import type { ShardedRedis, ShardedRedisOptions } from 'fairlead/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpointsOf, type RedisServers, redisOver, startServers } from './support.js';

const refused = { code: 'FAIRLEAD_RESERVED_KEY', service: 'cache', message: expect.stringContaining("'fl:'") };

/** Whatever it may be called by. */
const calls: [string, (redis: ShardedRedis, key: string) => Promise<unknown>][] = [
  ['GET', (redis, key) => redis.get(key)],
  ['a Buffer', (redis, key) => redis.set(Buffer.from(key), 'v')],
  ['call', (redis, key) => redis.call('SET', key, 'v')],
  ['HSET', (redis, key) => redis.hset(key, 'missed:s0', '1')],
  ['MGET', (redis, key) => redis.mget('a', key, 'b')],
  ['MSET', (redis, key) => redis.mset({ a: '1', [key]: 'v' })],
  ['DEL', (redis, key) => redis.del('a', key)],
  ['the end of RENAME', (redis, key) => redis.rename(`{${key}}`, key)],
  ['the end of COPY', (redis, key) => redis.copy(key, key)],
  ['SORT STORE', (redis, key) => redis.sort('l', 'STORE', key)],
  ['EVAL', (redis, key) => redis.eval("return redis.call('SET', KEYS[1], 'v')", 1, key)],
  ['BLPOP', (redis, key) => redis.blpop(key, 1)],
  ['XREAD', (redis, key) => redis.xread('STREAMS', key, '0')],
  ['XGROUP', (redis, key) => redis.xgroup('CREATE', key, 'g', '0', 'MKSTREAM')],
  ['MULTI', (redis, key) => redis.multi().set(key, 'v').exec()],
  ['UNLINK in upper case', (redis, key) => redis.call('UNLINK', key)],
];

describe('names that are reserved', () => {
  let servers: RedisServers;
  beforeAll(async () => {
    servers = await startServers();
  });
  afterAll(async () => {
    await servers?.[Symbol.asyncDispose]();
  });

  const setups: [string, number, Partial<ShardedRedisOptions>][] = [
    ['three shards', 3, {}],
    ['one shard', 1, {}],
    ['the policy next', 3, { onFailure: 'next' }],
    ['the quarantine flush', 3, { onFailure: 'next', quarantine: 'flush' }],
    ['a hand-over', 3, { handover: { windowMs: 1_000 } }],
    ['a hand-over over one shard', 1, { handover: { windowMs: 1_000 } }],
  ];

  it.each(setups)('cannot be used by callers over %s, and nothing is sent', async (_, count, options) => {
    await using over = redisOver(servers.servers.slice(0, count), options);
    const { redis } = over;
    await redis.set('a', 'before');
    const record = 'fl:record:cache:flush';
    for (const [name, act] of calls) {
      await expect(act(redis, record), name).rejects.toMatchObject(refused);
    }
    const slots = await redis.pipeline().get('a').set(record, 'v').get('a').exec();
    expect(slots).toMatchObject([[null, 'before'], [refused], [null, 'before']]);
    expect(await redis.get('a')).toBe('before');
    await redis.del('a');
    const plain = redis.nodes();
    expect(await Promise.all(plain.map((shard) => shard.exists(`{${record}}`, 'fl:record:cache:g')))).toEqual(
      plain.map(() => 0),
    );
  });

  it.each(setups)(
    'are not shown by KEYS, SCAN and RANDOMKEY over %s, and all others are',
    async (_, count, options) => {
      await using over = redisOver(servers.servers.slice(0, count), options);
      const { redis, resolver } = over;
      const mine = ['fl', 'flag', 'f:l', ...Array.from({ length: 30 }, (_, i) => `mine:${i}`)].sort();
      await redis.mset(Object.fromEntries(mine.map((key) => [key, 'v'])));
      for (const shard of redis.nodes()) await shard.set('fl:of-a-friend', 'v');
      resolver.update('cache', endpointsOf(servers.servers.slice(0, count)));
      expect((await redis.keys('*')).sort()).toEqual(mine);
      expect((await redis.keysBuffer('*')).map(String).sort()).toEqual(mine);
      const seen: string[] = [];
      for await (const page of redis.scanStream({ count: 5 })) seen.push(...(page as string[]));
      expect([...new Set(seen)].sort()).toEqual(mine);
      // All that is shown can be deleted.
      expect(await redis.del(seen)).toBe(mine.length);
      expect(await redis.randomkey()).toBeNull();
      for (const shard of redis.nodes()) await shard.flushall();
    },
  );

  it('have a prefix that can be chosen, in everything that is left at the servers', async () => {
    const options: Partial<ShardedRedisOptions> = { reservedPrefix: 'app.mesh:' };
    for (const more of [{ onFailure: 'next' }, { onFailure: 'next', quarantine: { waitMs: 1 } }] as const) {
      await using over = redisOver(servers.servers, { ...options, ...more });
      expect(await over.redis.set('fl:mine', 'v')).toBe('OK');
      expect(await over.redis.get('fl:mine')).toBe('v');
      await expect(over.redis.get('app.mesh:x')).rejects.toMatchObject({ code: 'FAIRLEAD_RESERVED_KEY' });
      expect(await over.redis.keys('*')).toEqual(['fl:mine']);
      await over.redis.flushall();
    }
    await using over = redisOver(servers.servers.slice(0, 2), { ...options, handover: { windowMs: 1, settleMs: 0 } });
    const { redis, resolver } = over;
    const keys = Array.from({ length: 100 }, (_, i) => `fl:${i}`);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    resolver.update('cache', endpointsOf(servers.servers));
    expect(await redis.mget(keys)).toEqual(keys.map(() => 'v'));
    await expect.poll(() => redis.handover!.active, { timeout: 15_000 }).toBe(false);
    const kept = (await Promise.all(redis.nodes().map((shard) => shard.keys('*')))).flat();
    expect(kept.filter((key) => !keys.includes(key) && !key.startsWith('app.mesh:'))).toEqual([]);
    expect(kept).toEqual(expect.arrayContaining(['app.mesh:ring:cache', 'app.mesh:sweep:cache']));
  });

  it.each(['', 'a b', 'x*', '{a}', 'x'.repeat(65), 7, null])('have no prefix such as %j', (reservedPrefix) => {
    expect(() => redisOver(servers.servers, { reservedPrefix: reservedPrefix as string })).toThrow(/reservedPrefix/);
  });
});
