import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOnEach, type RedisServers, redisOver, startServers, type TestRedis } from './support.js';

/**
 * With the quarantine `generation`, keys are called otherwise at the servers; nobody who uses the
 * client may notice.
 */
export function describeGeneration(version: string): void {
  describe(`over ioredis ${version}, keys in a generation`, () => {
    let servers: RedisServers;
    let over: TestRedis;
    beforeAll(async () => {
      servers = await startServers();
      over = redisOver(servers.servers, { onFailure: 'next', quarantine: 'generation' });
    });
    afterAll(async () => {
      await over?.[Symbol.asyncDispose]();
      await servers?.[Symbol.asyncDispose]();
    });

    it('have their own names in KEYS, SCAN and its streams, and nothing else is shown', async () => {
      const { redis } = over;
      const keys = Array.from({ length: 60 }, (_, i) => `list:${i}`).sort();
      await redis.mset(Object.fromEntries(keys.map((key) => [key, '1'])));
      expect((await redis.keys('list:*')).sort()).toEqual(keys);
      expect((await redis.keys('*')).filter((key) => !key.startsWith('list:'))).toEqual([]);
      expect((await redis.keysBuffer('list:1?')).map(String).sort()).toEqual(
        keys.filter((key) => key.length === 7 && key[5] === '1'),
      );
      for (const options of [{ match: 'list:*', count: 7 }, { count: 7 }]) {
        const seen: string[] = [];
        for await (const page of redis.scanStream(options)) seen.push(...(page as string[]));
        expect(seen.sort()).toEqual(keys);
      }
      expect(keys).toContain((await redis.randomkey()) ?? keys[0]);
      expect(await redis.del(keys)).toBe(60);
    });

    it('are named in replies as their caller named them', async () => {
      const { redis } = over;
      const [key] = keyOnEach(redis, 'named') as [string];
      await redis.rpush(key, 'a', 'b', 'c');
      expect(await redis.blpop(key, 1)).toEqual([key, 'a']);
      expect(await redis.lmpop(1, key, 'LEFT')).toEqual([key, ['b']]);
      const popped = redis.brpop(`{${key}}:later`, 5);
      await redis.rpush(`{${key}}:later`, 'x');
      expect(await popped).toEqual([`{${key}}:later`, 'x']);
      const stream = `{${key}}:stream`;
      const id = await redis.xadd(stream, '*', 'f', 'v');
      expect(await redis.xread('STREAMS', stream, '0')).toEqual([[stream, [[id, ['f', 'v']]]]]);
      expect(await redis.xgroup('CREATE', stream, 'group', '0')).toBe('OK');
      expect(await redis.xinfo('GROUPS', stream)).toHaveLength(1);
      expect(await redis.object('ENCODING', stream)).toBe('stream');
      expect(await redis.zadd(`{${key}}:z`, 1, 'm')).toBe(1);
      expect(await redis.bzpopmin(`{${key}}:z`, 1)).toEqual([`{${key}}:z`, 'm', '1']);
    });

    it('are the keys of scripts, transactions and pipelines', async () => {
      const { redis } = over;
      const keys = keyOnEach(redis, 'script');
      for (const key of keys) {
        expect(await redis.eval("return redis.call('SET', KEYS[1], ARGV[1])", 1, key, 'x')).toBe('OK');
        expect(await redis.get(key)).toBe('x');
        expect(await redis.multi().incr(`{${key}}:n`).incrby(`{${key}}:n`, 5).exec()).toEqual([
          [null, 1],
          [null, 6],
        ]);
      }
      redis.defineCommand('readBoth', {
        numberOfKeys: 2,
        lua: "return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2])}",
      });
      const [key] = keys as [string];
      const scripted = redis as unknown as { readBoth(...keys: string[]): Promise<unknown> };
      expect(await scripted.readBoth(key, `{${key}}:n`)).toEqual(['x', '6']);
      expect(await redis.pipeline(keys.map((each) => ['get', each])).exec()).toEqual(keys.map(() => [null, 'x']));
      const binary = Buffer.from([0xff, 0x00, 0x7b]);
      await redis.set(binary, binary);
      expect(await redis.getBuffer(binary)).toEqual(binary);
    });

    it('are found where a command only implies them, or it is refused', async () => {
      const { redis } = over;
      const [key] = keyOnEach(redis, 'sorted') as [string];
      await redis.rpush(key, 'a', 'b');
      await redis.mset(`{${key}}:w_a`, 2, `{${key}}:w_b`, 1);
      expect(await redis.sort(key, 'BY', `{${key}}:w_*`)).toEqual(['b', 'a']);
      const readOnly = redis.sort_ro(key, 'BY', `{${key}}:w_*`);
      await expect(readOnly).rejects.toMatchObject({ code: 'FAIRLEAD_UNROUTABLE' });
    });

    it('are found by other clients, with a key prefix, and with one shard only', async () => {
      await using other = redisOver(servers.servers, { onFailure: 'next', keyPrefix: 'app:' });
      await other.redis.mset('a', '1', 'b', '2', 'c', '3');
      expect(await over.redis.mget('app:a', 'app:b', 'app:c')).toEqual(['1', '2', '3']);
      expect((await other.redis.keys('app:*')).sort()).toEqual(['app:a', 'app:b', 'app:c']);
      await using single = redisOver(servers.servers.slice(0, 1), { onFailure: 'next' });
      const [key] = keyOnEach(over.redis, 'single') as [string];
      await over.redis.set(key, 'x');
      expect(await single.redis.get(key)).toBe('x');
      expect(await single.redis.keys(key)).toEqual([key]);
    });

    it('outlive a FLUSHALL: what is written right after it stays', async () => {
      const { redis } = over;
      const keys = keyOnEach(redis, 'flushed');
      await redis.mset(Object.fromEntries(keys.map((key) => [key, 'before'])));
      void redis.flushall();
      await redis.mset(Object.fromEntries(keys.map((key) => [key, 'after'])));
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(await redis.mget(keys)).toEqual(keys.map(() => 'after'));
    });
  });
}
