import type { ShardedRedis } from 'fairlead/redis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Redis as Server, until } from '../harness/index.js';
import { endpointsOf, type RedisServers, redisOver, startServers } from './support.js';

const FOREVER = 0;
const KEYS = Array.from({ length: 30 }, (_, i) => `queue:${i}`);

/** What became of each of them. */
function popAll(redis: ShardedRedis): Map<string, unknown> {
  const got = new Map<string, unknown>();
  for (const key of KEYS) {
    redis.blpop(key, FOREVER).then(
      (reply) => got.set(key, reply?.[1]),
      (error: unknown) => got.set(key, error),
    );
  }
  return got;
}

async function blockedAt(servers: readonly Server[], redis: ShardedRedis): Promise<number> {
  let blocked = 0;
  for (let i = 0; i < servers.length; i++) {
    const info = await redis.shard(`s${i}`).info('clients');
    blocked += Number(/blocked_clients:(\d+)/.exec(info)![1]);
  }
  return blocked;
}

const allAre = (value: string): Map<string, string> => new Map(KEYS.map((key) => [key, value]));
const sorted = (got: Map<string, unknown>): Map<string, unknown> => new Map(KEYS.map((key) => [key, got.get(key)]));

/** The specification, for each version of ioredis. */
export function describeOwnersOfWaiting(version: string): void {
  describe(`commands that wait while the owners of their keys change, by ioredis ${version}`, () => {
    let all: RedisServers;
    beforeAll(async () => {
      all = await startServers(3);
    });
    afterAll(async () => {
      await all?.[Symbol.asyncDispose]();
    });
    beforeEach(async () => {
      await using over = redisOver(all.servers);
      await over.redis.flushall();
    });

    for (const handover of [undefined, { windowMs: 60_000, settleMs: 0 }]) {
      const how = handover === undefined ? 'without' : 'with';

      it(`go to a shard that joins, ${how} a hand-over`, async () => {
        const two = all.servers.slice(0, 2);
        await using over = redisOver(two, handover && { handover });
        const { redis, resolver } = over;
        const got = popAll(redis);
        await until('all wait', async () => (await blockedAt(two, redis)) === KEYS.length);
        const before = KEYS.map((key) => redis.shardFor(key));
        resolver.update('cache', endpointsOf(all.servers));
        await until('all wait again', async () => (await blockedAt(all.servers, redis)) === KEYS.length);
        expect(KEYS.some((key, i) => redis.shardFor(key) !== before[i])).toBe(true);
        for (const key of KEYS) await redis.rpush(key, 'job');
        await until('all have one', () => got.size === KEYS.length);
        expect(sorted(got)).toEqual(allAre('job'));
        expect(redis.shardStats().map(({ errors }) => errors)).toEqual([0, 0, 0]);
      });

      it(`leave a shard that is not listed any longer, ${how} a hand-over`, async () => {
        await using over = redisOver(all.servers, handover && { handover });
        const { redis, resolver } = over;
        const got = popAll(redis);
        await until('all wait', async () => (await blockedAt(all.servers, redis)) === KEYS.length);
        const two = all.servers.slice(0, 2);
        resolver.update('cache', endpointsOf(two));
        await until('all wait again', async () => (await blockedAt(two, redis)) === KEYS.length);
        for (const key of KEYS) await redis.rpush(key, 'job');
        await until('all have one', () => got.size === KEYS.length);
        expect(sorted(got)).toEqual(allAre('job'));
      });
    }

    it('go from the only shard to others', async () => {
      const one = all.servers.slice(0, 1);
      await using over = redisOver(one);
      const { redis, resolver } = over;
      const got = popAll(redis);
      await until('all wait', async () => (await blockedAt(one, redis)) === KEYS.length);
      resolver.update('cache', endpointsOf(all.servers));
      await until('all wait again', async () => (await blockedAt(all.servers, redis)) === KEYS.length);
      for (const key of KEYS) await redis.rpush(key, 'job');
      await until('all have one', () => got.size === KEYS.length);
      expect(sorted(got)).toEqual(allAre('job'));
    });

    it('lose and double nothing that comes at the moment of a change', async () => {
      await using over = redisOver(all.servers.slice(0, 2));
      const { redis, resolver } = over;
      const plain = redisOver(all.servers);
      const got: string[] = [];
      let ended = false;
      const worker = async (key: string): Promise<void> => {
        while (!ended) {
          const reply = await redis.blpop(key, 1);
          if (reply !== null) got.push(reply[1]);
        }
      };
      const workers = KEYS.map(worker);
      const sent: string[] = [];
      for (let turn = 0; turn < 20; turn++) {
        const count = turn % 2 === 0 ? 3 : 2;
        const pushes = KEYS.map((key, i) => {
          sent.push(`${turn}:${i}`);
          return redis.rpush(key, `${turn}:${i}`);
        });
        resolver.update('cache', endpointsOf(all.servers.slice(0, count)));
        await Promise.all(pushes);
      }
      ended = true;
      await Promise.all(workers);
      const left: string[] = [];
      for (const node of plain.redis.nodes()) {
        for (const key of KEYS) left.push(...(await node.lrange(key, 0, -1)));
      }
      await plain[Symbol.asyncDispose]();
      expect([...got, ...left].sort()).toEqual(sent.sort());
      expect(got.length).toBeGreaterThan(0);
    });

    it('are recalled also where that overtakes them', async () => {
      const two = all.servers.slice(0, 2);
      await using over = redisOver(two);
      const { redis, resolver } = over;
      await redis.ping();
      for (let turn = 0; turn < 10; turn++) {
        // Connections that were used before: nothing comes before the command that waits.
        await Promise.all(KEYS.slice(0, 4).map((key) => redis.blpop(key, 0.01)));
        const got = new Map<string, unknown>();
        for (const key of KEYS.slice(0, 4)) {
          redis.blpop(key, FOREVER).then(
            (reply) => got.set(key, reply?.[1]),
            (error: unknown) => got.set(key, error),
          );
        }
        resolver.update('cache', endpointsOf(turn % 2 === 0 ? all.servers : two));
        await until('all wait', async () => (await blockedAt(turn % 2 === 0 ? all.servers : two, redis)) === 4);
        for (const key of KEYS.slice(0, 4)) await redis.rpush(key, `job ${turn}`);
        await until('all have one', () => got.size === 4);
        expect([...new Set(got.values())]).toEqual([`job ${turn}`]);
      }
    });

    it('are refused, as anew, where their keys have several owners by now', async () => {
      await using over = redisOver(all.servers.slice(0, 1));
      const { redis, resolver } = over;
      const popped = redis.blpop(...KEYS, FOREVER).catch((error: unknown) => error);
      const pushed = redis.blmove(KEYS[0]!, KEYS[0]!, 'LEFT', 'RIGHT', FOREVER);
      await until('both wait', async () => (await blockedAt(all.servers.slice(0, 1), redis)) === 2);
      resolver.update('cache', endpointsOf(all.servers));
      expect(await popped).toMatchObject({ code: 'FAIRLEAD_CROSS_SHARD' });
      await until('one waits', async () => (await blockedAt(all.servers, redis)) === 1);
      await redis.rpush(KEYS[0]!, 'job');
      expect(await pushed).toBe('job');
    });

    it('read a stream on as members of their group', async () => {
      const two = all.servers.slice(0, 2);
      await using over = redisOver(two);
      const { redis, resolver } = over;
      for (const key of KEYS) await redis.xgroup('CREATE', `stream:${key}`, 'block', '$', 'MKSTREAM');
      const before = KEYS.filter((key) => redis.shardFor(`stream:${key}`) === 's1');
      const read = before.map((key) =>
        redis.xreadgroup('GROUP', 'block', '7', 'BLOCK', 60_000, 'STREAMS', `stream:${key}`, '>').catch(String),
      );
      await until('all wait', async () => (await blockedAt(two, redis)) === before.length);
      resolver.update('cache', endpointsOf(all.servers));
      const moved = before.map((key) => redis.shardFor(`stream:${key}`) !== 's1');
      expect(new Set(moved).size).toBe(2);
      await until('some stay', async () => (await blockedAt(two, redis)) === moved.filter((gone) => !gone).length);
      for (const [i, key] of before.entries()) if (!moved[i]) await redis.xadd(`stream:${key}`, '*', 'f', 'v');
      for (const [i, reply] of (await Promise.all(read)).entries()) {
        // Without a hand-over the group is not there.
        if (moved[i]) expect(reply).toContain('NOGROUP');
        else expect(reply).toMatchObject([[`stream:${before[i]}`, [[expect.any(String), ['f', 'v']]]]]);
      }
    });

    it('return to a shard that is back, from those that stood in for it', async () => {
      await using over = redisOver(all.servers, { onFailure: 'next' });
      const { redis } = over;
      await redis.ping();
      const key = KEYS.find((each) => redis.shardFor(each) === 's2')!;
      const third = all.servers[2]!;
      await third.kill();
      await until('it is down', () => redis.explain(key).state === 'down');
      const popped = redis.blpop(key, FOREVER);
      await until('it waits', async () => (await blockedAt(all.servers.slice(0, 2), redis)) === 1);
      await third.restart();
      await until('it is up', () => redis.explain(key).state === 'up');
      await until('it waits there', async () => /blocked_clients:1/.test(await redis.shard('s2').info('clients')));
      await redis.rpush(key, 'job');
      expect(await popped).toEqual([key, 'job']);
    });

    it('fail as uncertain at a shard that left, where the user may not end their wait', async () => {
      for (const server of all.servers) {
        await using admin = redisOver([server]);
        await admin.redis.call('ACL', 'SETUSER', 'worker', 'on', '>secret', '~*', '+@all', '-client|unblock');
      }
      await using over = redisOver(all.servers, { username: 'worker', password: 'secret' });
      const { redis, resolver } = over;
      const key = KEYS.find((each) => redis.shardFor(each) === 's2')!;
      const popped = redis.blpop(key, FOREVER).catch((error: unknown) => error);
      await until('it waits', async () => (await blockedAt(all.servers, redis)) === 1);
      resolver.update('cache', endpointsOf(all.servers.slice(0, 2)));
      expect(await popped).toMatchObject({ code: 'FAIRLEAD_UNCERTAIN', endpoint: 's2' });
    });
  });
}
