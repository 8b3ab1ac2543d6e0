import type { Quarantine, ShardedRedisOptions } from 'fairlead/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { keyOnEach, type RedisServers, redisOver, startServers, type TestRedis } from './support.js';

const NEXT = { onFailure: 'next' } as const satisfies Partial<ShardedRedisOptions>;

const stateOf = ({ redis }: TestRedis, name: string): string =>
  redis.describeRing().shards.find((shard) => shard.name === name)!.state;

const reached = (over: TestRedis, name: string, state: string): Promise<void> =>
  expect.poll(() => stateOf(over, name), { timeout: 8_000, interval: 20 }).toBe(state);

const allUp = (over: TestRedis): Promise<void> =>
  expect
    .poll(() => over.redis.describeRing().shards.every(({ state }) => state === 'up'), { timeout: 8_000 })
    .toBe(true);

/** The same specification for both versions of ioredis that are served. */
export function describeFailover(version: string): void {
  describe(`over ioredis ${version}, keys of a shard that is down`, () => {
    let servers: RedisServers;
    beforeAll(async () => {
      servers = await startServers();
    });
    afterAll(async () => {
      await servers?.[Symbol.asyncDispose]();
    });

    it('go to the next on the ring, and those of no other shard move', async () => {
      await using over = redisOver(servers.servers, NEXT);
      const { redis } = over;
      const keys = Array.from({ length: 300 }, (_, i) => `moves:${i}`);
      const owners = keys.map((key) => redis.shardFor(key));
      await redis.mset(Object.fromEntries(keys.map((key) => [key, 'before'])));
      await using _ = await hung(servers.servers[1]!);
      await reached(over, 's1', 'down');
      const seen = await redis.mget(keys);
      expect(seen.map((value, i) => (owners[i] === 's1' ? value === null : value === 'before'))).not.toContain(false);
      await redis.mset(Object.fromEntries(keys.map((key) => [key, 'during'])));
      expect(await redis.mget(keys)).toEqual(keys.map(() => 'during'));
      // What the others hold for it is shared out between them, under names that nobody else sees.
      const held = await Promise.all(['s0', 's2'].map((name) => redis.shard(name).keys('fl:*:moves:*')));
      expect(held.flat()).toHaveLength(keys.length);
      expect(held.every((list) => list.length > 0)).toBe(true);
      await redis.del(keys);
    });

    it('are served without an error while the connection breaks, as far as they were not sent yet', async () => {
      await using over = redisOver(servers.servers, NEXT);
      const { redis } = over;
      const key = keyOnEach(redis, 'breaks')[2]!;
      await allUp(over);
      await servers.servers[2]!.kill();
      await expect.poll(() => stateOf(over, 's2'), { interval: 1 }).not.toBe('up');
      const [alone, together] = await Promise.all([redis.get(key), redis.multi().set(key, 'm').get(key).exec()]);
      expect([alone, together]).toEqual([
        null,
        [
          [null, 'OK'],
          [null, 'm'],
        ],
      ]);
      expect(await redis.set(key, 'x')).toBe('OK');
      await servers.servers[2]!.restart();
      await reached(over, 's2', 'up');
      expect(await redis.get(key)).toBeNull();
    });

    const waits: Quarantine = { waitMs: 1_200 };
    it.each<[string, Quarantine]>([
      ['generation', 'generation'],
      ['flush', 'flush'],
      ['wait', waits],
    ])(
      'are never read older than a later write, with the quarantine %s (twemproxy issue 604)',
      async (_, quarantine) => {
        expect(await nineSteps(servers.servers, quarantine)).toEqual({ third: null, sixth: null, ninth: null });
      },
    );

    it('would be read stale, at both steps, without quarantine', async () => {
      expect(await nineSteps(servers.servers, 'none')).toEqual({ third: null, sixth: 'first', ninth: 'second' });
    });

    it('are not read stale by a client that starts after the outage, when all that saw it are gone', async () => {
      const [key] = await (async () => {
        await using before = redisOver(servers.servers, NEXT);
        await allUp(before);
        const owned = keyOnEach(before.redis, 'crash')[1]!;
        await before.redis.set(owned, 'old');
        await servers.servers[1]!.pause();
        await reached(before, 's1', 'down');
        await before.redis.set(owned, 'new');
        return [owned];
      })();
      await servers.servers[1]!.resume();
      await using after = redisOver(servers.servers, NEXT);
      expect(await after.redis.get(key!)).toBeNull();
    });

    it.each([
      ['flush', 'flush'],
      ['generation', 'generation'],
      [{ waitMs: 50 }, 'wait'],
    ] as const)('are served where the record of %j was overwritten, and it is made good', async (quarantine, kind) => {
      await using plain = redisOver(servers.servers);
      const record = `fl:record:cache:${kind}`;
      await plain.redis.shard('s1').set(record, 'not a record');
      await using over = redisOver(servers.servers, { ...NEXT, quarantine });
      over.redis.on('error', () => {});
      await allUp(over);
      const key = keyOnEach(over.redis, 'overwritten')[1]!;
      expect(await over.redis.set(key, 'v')).toBe('OK');
      await expect.poll(() => plain.redis.shard('s1').type(record)).toBe('hash');
      expect(await over.redis.get(key)).toBe('v');
    });

    it('are the same for clients that see the outage, and clear the shard once for all', async () => {
      await using one = redisOver(servers.servers, NEXT);
      await using two = redisOver(servers.servers, NEXT);
      await Promise.all([allUp(one), allUp(two)]);
      const key = keyOnEach(one.redis, 'shared')[0]!;
      await one.redis.set(key, 'old');
      expect(await two.redis.get(key)).toBe('old');
      await servers.servers[0]!.pause();
      await Promise.all([reached(one, 's0', 'down'), reached(two, 's0', 'down')]);
      await settle();
      await one.redis.set(key, 'during');
      expect(await two.redis.get(key)).toBe('during');
      await servers.servers[0]!.resume();
      await Promise.all([reached(one, 's0', 'up'), reached(two, 's0', 'up')]);
      await settle();
      expect(await Promise.all([one.redis.get(key), two.redis.get(key)])).toEqual([null, null]);
      await two.redis.set(key, 'after');
      expect(await one.redis.get(key)).toBe('after');
    });
  });

  describe(`over ioredis ${version}, the quarantine flush`, () => {
    it('never empties a server that keeps a log of its writes: that is a store', async () => {
      const others = await startServers(2);
      const store = await startRedis({ persist: true });
      await using _ = { [Symbol.asyncDispose]: () => others[Symbol.asyncDispose]() };
      await using __ = store;
      await using over = redisOver([...others.servers, store], { ...NEXT, quarantine: 'flush' });
      const errors: string[] = [];
      over.redis.on('error', (error: { code?: string }) => errors.push(error.code ?? ''));
      await allUp(over);
      const key = keyOnEach(over.redis, 'kept')[2]!;
      await over.redis.set(key, 'precious');
      await store.pause();
      await reached(over, 's2', 'down');
      await over.redis.set(key, 'elsewhere');
      await store.resume();
      await expect.poll(() => errors, { timeout: 5_000 }).toContain('FAIRLEAD_CONFLICT');
      expect(stateOf(over, 's2')).toBe('quarantined');
      expect(await over.redis.get(key)).toBe('elsewhere');
      expect(await over.redis.shard('s2').get(key)).toBe('precious');
    });
  });
}

/** Clients agree within a probe interval. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 500));

async function hung(server: Server): Promise<AsyncDisposable> {
  await server.pause();
  return { [Symbol.asyncDispose]: () => server.resume() };
}

/** https://github.com/twitter/twemproxy/issues/604, with what is read at the steps that read. */
async function nineSteps(
  servers: readonly Server[],
  quarantine: Quarantine,
): Promise<{ third: string | null; sixth: string | null; ninth: string | null }> {
  await using over = redisOver(servers, { ...NEXT, quarantine });
  const { redis } = over;
  await allUp(over);
  const key = keyOnEach(redis, `nine:${typeof quarantine === 'object' ? 'wait' : quarantine}`)[0]!;
  const [server] = servers as [Server];
  const eject = async (): Promise<void> => {
    await server.pause();
    await reached(over, 's0', 'down');
  };
  try {
    // With `waitMs`, no value lives longer than that.
    await (typeof quarantine === 'object' ? redis.set(key, 'first', 'PX', 1_000) : redis.set(key, 'first'));
    await eject();
    const third = await redis.get(key);
    await redis.set(key, 'second');
    await server.resume();
    await reached(over, 's0', 'up');
    const sixth = await redis.get(key);
    await redis.set(key, 'third');
    await eject();
    const ninth = await redis.get(key);
    return { third, sixth, ninth };
  } finally {
    await server.resume();
  }
}
