import type { HandoverStats, ShardedRedis } from 'fairlead/redis';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Redis as Server } from '../harness/index.js';
import { serversOfFile } from './servers-of-file.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

/** The same specification for both versions of ioredis that are served. */
export function describeHandover(version: string): void {
  describe(`over ioredis ${version}, when the topology changes, with a hand-over window`, () => {
    const servers = serversOfFile(4);
    beforeEach(async () => {
      await using over = redisOver(servers);
      await over.redis.flushall();
    });

    /** Lazily only, unless told otherwise: what is asked for is what moves. */
    const open = (options: object = {}): TestRedis =>
      redisOver(servers.slice(0, 3), { handover: { windowMs: 60_000, settleMs: 0, background: false, ...options } });
    const join = (over: TestRedis): void => void over.resolver.update('cache', endpointsOf(servers));
    const leave = (over: TestRedis): void => void over.resolver.update('cache', endpointsOf(servers.slice(0, 3)));
    const stats = (over: TestRedis): HandoverStats => over.redis.handover!;

    const keys = Array.from({ length: 200 }, (_, i) => `kept:${i}`);
    const fill = async (redis: ShardedRedis): Promise<void> => {
      await redis.mset(Object.fromEntries(keys.map((key, i) => [key, String(i)])));
    };
    const values = keys.map((_, i) => String(i));

    it('keys are found, moved with their time to live, and gone where they were', async () => {
      await using over = open();
      const { redis } = over;
      await fill(redis);
      const before = keys.map((key) => redis.shardFor(key));
      await redis.pipeline(keys.slice(0, 100).map((key) => ['pexpire', key, 100_000])).exec();
      join(over);
      const moved = keys.filter((key, i) => redis.shardFor(key) !== before[i]);
      expect(moved.length).toBeGreaterThan(20);
      expect(await redis.mget(keys)).toEqual(values);
      expect(stats(over)).toMatchObject({
        active: true,
        moved: moved.length,
        failed: 0,
        conflict: 0,
        tooLarge: 0,
        waiting: 0,
      });
      for (const key of moved) {
        const old = redis.shard(before[keys.indexOf(key)]!);
        expect(await old.exists(key)).toBe(0);
        const ttl = await redis.shard('s3').pttl(key);
        if (keys.indexOf(key) < 100) expect(ttl).toBeGreaterThan(90_000);
        else expect(ttl).toBe(-1);
      }
      // And back, within the window of the first change.
      leave(over);
      expect(await redis.mget(keys)).toEqual(values);
      expect(await countAt(servers[3]!)).toBe(0);
    });

    it('what waits while the topology changes again goes where its keys are then, transactions too', async () => {
      await using over = open({ settleMs: 200 });
      const { redis } = over;
      await fill(redis);
      const before = keys.map((key) => redis.shardFor(key));
      join(over);
      const [a, b] = keys.filter((key, i) => redis.shardFor(key) !== before[i]) as [string, string];
      const waiting = [redis.get(a), redis.multi().get(b).incr(b).exec()];
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(stats(over).waiting).toBe(2);
      leave(over);
      const value = keys.indexOf(b);
      expect(await Promise.all(waiting)).toEqual([
        String(keys.indexOf(a)),
        [
          [null, String(value)],
          [null, value + 1],
        ],
      ]);
    });

    it('commands that read and write find what they work on; DEL deletes it everywhere', async () => {
      await using over = open();
      const { redis } = over;
      await fill(redis);
      const before = keys.map((key) => redis.shardFor(key));
      join(over);
      const moved = keys.filter((key, i) => redis.shardFor(key) !== before[i]);
      const numberOf = (key: string): number => keys.indexOf(key);
      const [a, b, c, d, e, f] = moved as [string, string, string, string, string, string];
      expect(await redis.incrby(a, 1_000)).toBe(numberOf(a) + 1_000);
      expect(await redis.del(b)).toBe(1);
      expect(await redis.set(c, 'x', 'NX')).toBeNull();
      expect(await redis.eval("return redis.call('GET', KEYS[1])", 1, d)).toBe(String(numberOf(d)));
      expect(await redis.multi().get(e).incr(e).exec()).toEqual([
        [null, String(numberOf(e))],
        [null, numberOf(e) + 1],
      ]);
      expect(await redis.pipeline().get(f).append(f, '!').get(f).exec()).toEqual([
        [null, String(numberOf(f))],
        [null, String(numberOf(f)).length + 1],
        [null, `${numberOf(f)}!`],
      ]);
      leave(over);
      expect(await redis.mget(a, b, c, f)).toEqual([
        String(numberOf(a) + 1_000),
        null,
        String(numberOf(c)),
        `${numberOf(f)}!`,
      ]);
      expect(await redis.flushall()).toBe('OK');
      expect(await redis.dbsize()).toBe(0);
    });

    it('blocking commands get what waits at the owner before', async () => {
      await using over = open();
      const { redis } = over;
      const lists = keys.map((key) => `list:${key}`);
      const before = lists.map((key) => redis.shardFor(key));
      await redis.pipeline(lists.map((key) => ['rpush', key, 'job'])).exec();
      join(over);
      const list = lists.find((key, i) => redis.shardFor(key) !== before[i])!;
      expect(await redis.blpop(list, 1)).toEqual([list, 'job']);
    });

    it('no acknowledged write is lost while shards come and go under load', async () => {
      await using over = open({ background: true });
      const { redis } = over;
      const counters = Array.from({ length: 60 }, (_, i) => `count:${i}`);
      const done = counters.map(() => 0);
      const failed: unknown[] = [];
      let running = true;
      const load = counters.map(async (key, i) => {
        while (running) {
          await redis.incr(key).then(
            () => done[i]!++,
            (error: unknown) => failed.push(error),
          );
        }
      });
      for (let turn = 0; turn < 16; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 60));
        if (turn % 2 === 0) join(over);
        else leave(over);
      }
      await new Promise((resolve) => setTimeout(resolve, 150));
      running = false;
      await Promise.all(load);
      expect(failed).toEqual([]);
      expect(await redis.mget(counters)).toEqual(done.map(String));
      expect(stats(over).moved).toBeGreaterThan(0);
    });

    it('keys that nobody asks for are brought as well, and the window ends', async () => {
      await using over = open({ background: true, windowMs: 3_000 });
      const { redis } = over;
      await fill(redis);
      join(over);
      const mine = keys.filter((key) => redis.shardFor(key) === 's3');
      await expect.poll(() => countAt(servers[3]!), { timeout: 2_500 }).toBe(mine.length);
      await expect.poll(() => stats(over).active, { timeout: 4_000 }).toBe(false);
      expect(await redis.mget(keys)).toEqual(values);
    });

    it('a value above the limit stays, and is served from there', async () => {
      await using over = open({ maxValueBytes: 10_000 });
      const { redis } = over;
      await fill(redis);
      const before = keys.map((key) => redis.shardFor(key));
      await redis.mset(Object.fromEntries(keys.map((key) => [key, 'x'.repeat(20_000)])));
      join(over);
      const at = keys.findIndex((key, i) => redis.shardFor(key) !== before[i]);
      expect(await redis.strlen(keys[at]!)).toBe(20_000);
      expect(await redis.append(keys[at]!, 'y')).toBe(20_001);
      expect(stats(over)).toMatchObject({ tooLarge: 1, moved: 0 });
      expect(await redis.shard(before[at]!).strlen(keys[at]!)).toBe(20_001);
    });

    it('a key whose owner before does not answer fails, rather than be taken for missing', async () => {
      await using over = open();
      const { redis } = over;
      await fill(redis);
      const before = keys.map((key) => redis.shardFor(key));
      await servers[1]!.pause();
      try {
        await expect.poll(() => redis.describeRing().shards[1]!.state, { timeout: 3_000, interval: 20 }).toBe('down');
        join(over);
        const key = keys.find((each, i) => before[i] === 's1' && redis.shardFor(each) === 's3')!;
        await expect(redis.get(key)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's1' });
      } finally {
        await servers[1]!.resume();
      }
      await expect.poll(() => redis.describeRing().shards[1]!.state, { timeout: 3_000 }).toBe('up');
      expect(await redis.mget(keys)).toEqual(values);
    });

    it('is refused where it is not served', () => {
      expect(() => redisOver(servers, { handover: { windowMs: 0 } })).toThrow(/handover\.windowMs/);
      expect(() => redisOver(servers, { handover: { windowMs: 1_000 }, onFailure: 'next' })).toThrow(/handover/);
    });
  });
}

async function countAt(server: Server): Promise<number> {
  const alone = redisOver([server]);
  await using over = alone;
  const found = await over.redis.keys('kept:*');
  return found.length;
}
