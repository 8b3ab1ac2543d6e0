import type { ShardedRedis } from 'fairlead/redis';
import { Redis as Plain } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { emptyServersOfFile } from './servers-of-file.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const keys = Array.from({ length: 2_000 }, (_, i) => `kept:${i}`);
const fill = (redis: ShardedRedis): Promise<unknown> =>
  redis.mset(Object.fromEntries(keys.map((key, i) => [key, String(i)])));

describe('the sweep of a hand-over', () => {
  const servers = emptyServersOfFile(5);

  const open = (handover: object, count = 3): TestRedis & { errors: { code: string; message: string }[] } => {
    const over = redisOver(servers.slice(0, count), { handover: { windowMs: 3_000, settleMs: 200, ...handover } });
    const errors: { code: string; message: string }[] = [];
    over.redis.on('error', (error: Error & { code: string }) => errors.push(error));
    return { ...over, errors };
  };
  const list = (over: TestRedis, names: readonly number[]): void =>
    void over.resolver.update(
      'cache',
      endpointsOf(servers).filter((_, i) => names.includes(i)),
    );
  const over = (client: TestRedis): Promise<void> =>
    expect.poll(() => client.redis.handover!.active, { timeout: 15_000 }).toBe(false);

  /** As a client reads them that starts now and knows of no change. */
  async function missing(present: readonly number[]): Promise<number> {
    const list = endpointsOf(servers).filter((_, i) => present.includes(i));
    await using fresh = redisOver(servers);
    fresh.resolver.update('cache', list);
    const values = await fresh.redis.mget(keys);
    return values.filter((value, i) => value !== String(i)).length;
  }

  /** Every name that is at a server, except for notes that expire. */
  async function namesAt(server: Server): Promise<string[]> {
    const plain = new Plain(server.port, server.host);
    const found = await plain.keys('*');
    plain.disconnect();
    return found.filter((name) => !/^fl:((sweep|ring):cache$|move:)/.test(name)).sort();
  }

  it('brings all keys when a second server joins while the first one still takes over', async () => {
    await using client = open({ windowMs: 5_000, settleMs: 1_000 });
    await fill(client.redis);
    list(client, [0, 1, 2, 3]);
    await pause(1_500);
    list(client, [0, 1, 2, 3, 4]);
    await over(client);
    expect(await missing([0, 1, 2, 3, 4])).toBe(0);
    expect(client.errors).toEqual([]);
    // One copy of each, and no lock.
    const names = await Promise.all(servers.map(namesAt));
    expect(names.flat()).toHaveLength(keys.length);
  });

  it('brings the keys of a server that leaves a second time, each time after its window was over', async () => {
    await using client = open({ windowMs: 1, settleMs: 0 });
    await fill(client.redis);
    for (const present of [
      [0, 1, 2, 3],
      [0, 1, 2],
      [0, 1, 2, 3],
      [0, 1, 2],
    ]) {
      list(client, present);
      await over(client);
      expect(await missing(present)).toBe(0);
    }
    // A window of a millisecond is overdue each time.
    for (const { message } of client.errors) expect(message).toMatch(/and goes on/);
    expect((await Promise.all(servers.map(namesAt))).flat()).toHaveLength(keys.length);
  });

  it('is taken over where the client that sweeps ends', async () => {
    await using first = open({ windowMs: 5_000 });
    await using second = open({ windowMs: 5_000 });
    await fill(first.redis);
    list(first, [0, 1, 2, 3]);
    await pause(50);
    list(second, [0, 1, 2, 3]);
    await pause(165);
    first.redis.disconnect();
    await over(second);
    expect(await missing([0, 1, 2, 3])).toBe(0);
  });

  it('still empties a server that left when another change comes', async () => {
    await using client = open({}, 4);
    await fill(client.redis);
    list(client, [0, 1, 2]);
    await pause(100);
    list(client, [0, 1, 2, 4]);
    await over(client);
    expect(await missing([0, 1, 2, 4])).toBe(0);
    expect(await namesAt(servers[3]!)).toEqual([]);
  });

  it('ends no window before all keys were brought, and says so', async () => {
    await using client = open({ windowMs: 1, settleMs: 0 });
    await fill(client.redis);
    list(client, [0, 1, 2, 3]);
    await expect.poll(() => client.errors.length, { interval: 5 }).toBe(1);
    expect(client.errors[0]).toMatchObject({ code: 'FAIRLEAD_HANDOVER' });
    expect(client.redis.handover).toMatchObject({ active: true, overdue: true });
    await over(client);
    expect(await missing([0, 1, 2, 3])).toBe(0);
  });

  it('waits for a shard that is down, and goes on when it is back', async () => {
    await using client = open({ windowMs: 1_000 });
    await fill(client.redis);
    await servers[1]!.pause();
    try {
      await expect.poll(() => client.redis.describeRing().shards[1]!.state, { timeout: 3_000 }).toBe('down');
      list(client, [0, 1, 2, 3]);
      await expect.poll(() => client.errors.map(({ code }) => code), { timeout: 5_000 }).toContain('FAIRLEAD_HANDOVER');
      expect(client.redis.handover).toMatchObject({ active: true, overdue: true });
    } finally {
      await servers[1]!.resume();
    }
    await over(client);
    expect(await missing([0, 1, 2, 3])).toBe(0);
  });

  it('gives up, loudly, what a server holds that left discovery and does not answer', async () => {
    await using client = open({ windowMs: 1_000 }, 4);
    await fill(client.redis);
    const lost = keys.find((key) => client.redis.shardFor(key) === 's3')!;
    await servers[3]!.pause();
    try {
      list(client, [0, 1, 2]);
      await expect(client.redis.get(lost)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE' });
      await over(client);
      expect(client.errors).toMatchObject([{ code: 'FAIRLEAD_HANDOVER', message: expect.stringContaining('s3') }]);
      expect(await client.redis.get(lost)).toBeNull();
    } finally {
      await servers[3]!.resume();
    }
  });

  it('is done once for all clients, and its lock is released', async () => {
    await using first = open({ settleMs: 0 });
    await using second = open({ settleMs: 0 });
    await fill(first.redis);
    list(first, [0, 1, 2, 3]);
    list(second, [0, 1, 2, 3]);
    await Promise.all([over(first), over(second)]);
    expect(await missing([0, 1, 2, 3])).toBe(0);
    const moved = keys.filter((key) => first.redis.shardFor(key) === 's3').length;
    expect(first.redis.handover!.moved + second.redis.handover!.moved).toBe(moved);
    expect((await Promise.all(servers.map(namesAt))).flat()).toHaveLength(keys.length);
  });
});

describe('a cache whose server joins and leaves, again and again', () => {
  it.each([20, 700])('reads nothing older than its own writes, with %d ms in between', async (ms) => {
    const servers = await Promise.all(Array.from({ length: 4 }, () => startRedis()));
    try {
      await using over = redisOver(servers.slice(0, 3), { onFailure: 'next' });
      const { redis } = over;
      const few = keys.slice(0, 400);
      let written = 0;
      const write = async (): Promise<void> => {
        written++;
        await redis.mset(Object.fromEntries(few.map((key) => [key, String(written)])));
      };
      const stale = async (): Promise<number> => {
        const values = await redis.mget(few);
        return values.filter((value) => value !== null && Number(value) < written).length;
      };
      await write();
      const counted: number[] = [];
      for (let turn = 0; turn < 6; turn++) {
        const present = turn % 2 === 0 ? 4 : 3;
        over.resolver.update('cache', endpointsOf(servers.slice(0, present)));
        counted.push(await stale());
        await write();
        await pause(ms);
        counted.push(await stale());
      }
      expect(counted).toEqual(counted.map(() => 0));
    } finally {
      await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()));
    }
  });
});
