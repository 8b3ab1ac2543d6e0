import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ShardedRedis, ShardedRedisOptions } from 'fairlead/redis';
import { Redis as Plain } from 'ioredis';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { serversOfFile } from './servers-of-file.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

const keys = Array.from({ length: 300 }, (_, i) => `kept:${i}`);
const values = keys.map((_, i) => String(i));

describe('a client that starts while keys are handed over', () => {
  const servers = serversOfFile(4);
  const onEach = async <T>(act: (plain: Plain) => Promise<T>): Promise<T[]> =>
    await Promise.all(
      servers.map(async ({ host, port }) => {
        const plain = new Plain(port, host);
        try {
          return await act(plain);
        } finally {
          plain.disconnect();
        }
      }),
    );
  beforeEach(async () => {
    await onEach((plain) => plain.flushall());
  });

  const three = [0, 1, 2];
  const four = [0, 1, 2, 3];
  /** What no command names stays where it is, unless told otherwise. */
  const open = (
    present: readonly number[],
    handover: object = {},
    options: Partial<ShardedRedisOptions> = {},
  ): TestRedis & { errors: (Error & { code?: string })[] } => {
    const named = present.map((i) => ({ ...endpointsOf(servers)[i]! }));
    const over = redisOver(servers, {
      lazyConnect: true,
      handover: { windowMs: 60_000, settleMs: 100, background: false, ...handover },
      ...options,
    });
    over.resolver.update('cache', named);
    const errors: (Error & { code?: string })[] = [];
    over.redis.on('error', (error) => void errors.push(error));
    return { ...over, errors };
  };
  const change = (over: TestRedis, present: readonly number[]): void =>
    void over.resolver.update(
      'cache',
      present.map((i) => endpointsOf(servers)[i]!),
    );
  const fill = (redis: ShardedRedis): Promise<unknown> =>
    redis.mset(Object.fromEntries(keys.map((key, i) => [key, String(i)])));
  /** What others are to read is there. */
  const noted = (windows: number): Promise<void> =>
    expect
      .poll(
        async () => {
          const texts = await onEach((plain) => plain.get('fl:ring:cache'));
          return texts.map((text) => (text === null ? 0 : JSON.parse(text.slice(text.indexOf(' '))).windows.length));
        },
        { timeout: 10_000 },
      )
      .toEqual(expect.arrayContaining([windows]));

  it.each([
    ['joined', three, four],
    ['left', four, three],
  ])('finds every key after a server has %s, and moves what it asks for', async (_, before, after) => {
    await using first = open(before);
    await fill(first.redis);
    change(first, after);
    await noted(1);
    await using second = open(after);
    expect(await second.redis.mget(keys)).toEqual(values);
    expect(second.redis.handover).toMatchObject({ active: true, failed: 0 });
    expect(second.redis.handover!.moved).toBeGreaterThan(20);
    // What one has moved the other finds, and each is there once.
    expect(await first.redis.mget(keys)).toEqual(values);
    const copies = await onEach(async (plain) => (await plain.keys('kept:*')).length);
    expect(copies.reduce((sum, count) => sum + count)).toBe(keys.length);
    expect([...first.errors, ...second.errors]).toEqual([]);
  });

  it('loses no count where it works beside the others from its first command on', async () => {
    await using first = open(three);
    const counters = keys.slice(0, 100);
    const add = ({ redis }: TestRedis): Promise<unknown> => Promise.all(counters.map((key) => redis.incr(key)));
    await add(first);
    change(first, four);
    await noted(1);
    await using second = open(four);
    await Promise.all([add(first), add(second), add(first), add(second)]);
    expect(await second.redis.mget(counters)).toEqual(counters.map(() => '5'));
  });

  it('loses none either where it is a process of its own, that is killed under way', async () => {
    await using first = open(three);
    await fill(first.redis);
    change(first, four);
    await noted(1);
    const path = fileURLToPath(new URL('./starter-process.ts', import.meta.url));
    const ports = servers.map(({ port }) => String(port));
    const other = fork(path, ports, { execArgv: ['--import', 'tsx', '--conditions=fairlead-source'] });
    try {
      await once(other, 'message');
      const answer = once(other, 'message');
      other.send(keys);
      await Promise.all(keys.map((key) => first.redis.incr(key)));
      const [{ values: seen, moved, errors }] = (await answer) as [
        { values: number[]; moved: number; errors: string[] },
      ];
      // One or the other was first.
      expect(seen.filter((value, i) => value !== i + 1 && value !== i + 2)).toEqual([]);
      expect(errors).toEqual([]);
      expect(moved + first.redis.handover!.moved).toBe(keys.filter((key) => first.redis.shardFor(key) === 's3').length);
      const died = once(other, 'exit');
      other.send(keys);
      other.kill('SIGKILL');
      await died;
    } finally {
      other.kill('SIGKILL');
    }
    const left = await first.redis.mget(keys);
    expect(left.filter((value, i) => Number(value) !== i + 2 && Number(value) !== i + 3)).toEqual([]);
  });

  it('takes what no client was there to see for a change, too', async () => {
    {
      await using first = open(three);
      await fill(first.redis);
      await noted(0);
    }
    await using second = open(four);
    expect(await second.redis.mget(keys)).toEqual(values);
    expect(second.redis.handover!.moved).toBeGreaterThan(20);
    // And back.
    second.redis.disconnect();
    await using third = open(three);
    expect(await third.redis.mget(keys)).toEqual(values);
  });

  it('ends the window of one that died, when all is brought', async () => {
    const first = open(three, { windowMs: 300 });
    await fill(first.redis);
    change(first, four);
    await noted(1);
    await first[Symbol.asyncDispose]();
    await using second = open(four, { windowMs: 300, background: true });
    await second.redis.connect();
    // The window's time is over: it may end before it is seen.
    const { redis } = second;
    const done = (): boolean => !redis.handover!.active && redis.handover!.moved > 20;
    await expect.poll(done, { timeout: 15_000 }).toBe(true);
    await noted(0);
    await using third = open(four);
    expect(await third.redis.mget(keys)).toEqual(values);
    expect(third.redis.handover).toMatchObject({ active: false, moved: 0 });
  });

  it('opens no window where a server has another address and the same name', async () => {
    {
      await using first = open(three);
      await fill(first.redis);
      await noted(0);
    }
    await using second = open(three);
    const endpoints = endpointsOf(servers).slice(0, 3);
    second.resolver.update('cache', [endpoints[0]!, endpoints[1]!, { ...endpoints[2]!, host: 'localhost' }]);
    await second.redis.connect();
    expect(await second.redis.mget(keys)).toEqual(values);
    expect(second.redis.handover).toMatchObject({ active: false, moved: 0 });
  });

  it('says so where keys are placed by other rules, or the note is not by its password', async () => {
    {
      await using first = open(three);
      await fill(first.redis);
      await noted(0);
    }
    await using second = open(four, {}, { placement: 'maglev' });
    await second.redis.connect();
    await expect.poll(() => second.errors.length, { timeout: 10_000 }).toBe(1);
    expect(second.errors[0]).toMatchObject({ code: 'FAIRLEAD_HANDOVER', message: expect.stringMatching(/placement/) });
    expect(second.redis.handover!.active).toBe(false);
    await onEach((plain) => plain.set('fl:ring:cache', `forged ${JSON.stringify({ ring: {}, windows: [] })}`));
    await using third = open(four);
    await third.redis.connect();
    await expect.poll(() => third.errors.length, { timeout: 10_000 }).toBe(1);
    expect(third.errors[0]).toMatchObject({ code: 'FAIRLEAD_HANDOVER', message: expect.stringMatching(/password/) });
    // It is made good.
    await noted(0);
  });

  it('sends no password to a server that a note without the password names', async () => {
    await onEach((plain) => plain.config('SET', 'requirepass', 'hush'));
    try {
      await using thief = await startRedis();
      const shard = (id: string, { host, port }: Server) => {
        return { name: id, id, host, port, weight: 1, readOnly: false, replicas: [] };
      };
      const shards = [...three.map((i) => shard(`s${i}`, servers[i]!)), shard('s3', thief)];
      const ring = { placement: 'ketama', compatibility: 'none', shards };
      const text = JSON.stringify({ ring, windows: [{ ring, dueMs: Date.now() + 60_000 }] });
      for (const { host, port } of servers) {
        const plain = new Plain({ port, host, password: 'hush' });
        await plain.set('fl:ring:cache', `x ${text}`);
        plain.disconnect();
      }
      const plain = new Plain(thief.port, thief.host);
      const visits = async () => /total_connections_received:(\d+)/.exec(await plain.info('stats'))?.[1];
      const before = await visits();
      await using client = open(three, {}, { password: 'hush' });
      expect(await client.redis.set('kept:1', 'v')).toBe('OK');
      expect(client.errors.map(({ code }) => code)).toEqual(['FAIRLEAD_HANDOVER']);
      expect(await visits()).toBe(before);
      plain.disconnect();
    } finally {
      for (const { host, port } of servers) {
        const plain = new Plain({ port, host, password: 'hush' });
        await plain.config('SET', 'requirepass', '');
        plain.disconnect();
      }
    }
  });

  it('is not held up by a shard that is down', async () => {
    await using first = open(three);
    await fill(first.redis);
    const other = keys.find((key) => first.redis.shardFor(key) !== 's1')!;
    await servers[1]!.pause();
    try {
      await using second = open(three);
      expect(await second.redis.get(other)).toBe(String(keys.indexOf(other)));
    } finally {
      await servers[1]!.resume();
    }
  });
});
