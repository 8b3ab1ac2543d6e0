import { Redis as Plain } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { endpointsOf, keyOnEach, redisOver } from './support.js';

/** What docs/redis.md names. */
const NEEDED = '+eval +get +set +exists +del +unlink +dump +pttl +memory|usage +pexpire +rename +restore +scan';
const CONNECTING = ['+info', '+ping', '+role', '+client', '+mget', '+mset', '+hello'];

describe('a hand-over by a user', () => {
  let servers: Server[];
  let admins: Plain[];
  beforeAll(async () => {
    servers = await Promise.all(Array.from({ length: 3 }, () => startRedis()));
    admins = servers.map(({ port, host }) => new Plain(port, host));
  });
  afterEach(async () => {
    for (const admin of admins) await admin.flushall();
  });
  afterAll(async () => {
    for (const admin of admins ?? []) admin.disconnect();
    await Promise.all((servers ?? []).map((server) => server[Symbol.asyncDispose]()));
  });

  const allow = async (at: number, ...rights: string[]): Promise<void> => {
    await admins[at]!.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...rights);
  };
  const open = () => {
    const over = redisOver(servers.slice(0, 2), {
      username: 'app',
      password: 'secret',
      handover: { windowMs: 60_000, settleMs: 0, background: false },
    });
    const errors: (Error & { code?: string; endpoint?: string })[] = [];
    over.redis.on('error', (error) => void errors.push(error));
    return { ...over, errors };
  };

  it('with the rights that are named works, and nothing is reported', async () => {
    for (const at of [0, 1, 2]) await allow(at, '~*', ...NEEDED.split(' '), ...CONNECTING);
    await using client = open();
    const { redis, resolver, errors } = client;
    const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    resolver.update('cache', endpointsOf(servers));
    expect(await redis.mget(keys)).toEqual(keys.map(() => 'v'));
    expect(redis.handover).toMatchObject({ failed: 0, refusedBy: [] });
    expect(redis.handover!.moved).toBeGreaterThan(0);
    expect(errors).toEqual([]);
    expect(await Promise.all(admins.map((admin) => admin.keys('fl:trial*')))).toEqual([[], [], []]);
  });

  it.each([
    ['EVAL', ['~*', '-eval']],
    ['DUMP', ['~*', '-dump']],
    ['RESTORE', ['~*', '-restore']],
    ['MEMORY', ['~*', '-memory']],
    ['SCAN', ['~*', '-scan']],
    ['RENAME', ['~*', '-rename']],
    ['EVAL', ['~key:*']],
  ])('that lacks %s (%s) is found out at the start, once, by the shard and what it lacks', async (name, rights) => {
    await allow(0, '~*', '+@all');
    await allow(1, '+@all', ...rights);
    await using client = open();
    const { redis, errors } = client;
    await expect.poll(() => errors.length, { timeout: 10_000 }).toBe(1);
    expect(errors[0]).toMatchObject({ code: 'FAIRLEAD_HANDOVER', endpoint: 's1' });
    expect(errors[0]!.message).toMatch(new RegExp(`may not run ${name}\\b`));
    expect(errors[0]!.message).not.toContain('secret');
    expect(redis.handover!.refusedBy).toEqual(['s1']);
  });

  it('fails the commands of keys that cannot be brought, and is not missed once the rights are there', async () => {
    for (const at of [0, 2]) await allow(at, '~*', '+@all');
    await allow(1, '~*', '+@all', '-dump');
    await using client = open();
    const { redis, resolver } = client;
    const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`);
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    const before = keys.map((key) => redis.shardFor(key));
    resolver.update('cache', endpointsOf(servers));
    const moved = keys.find((key, i) => before[i] === 's1' && redis.shardFor(key) === 's2')!;
    const refused = { code: 'FAIRLEAD_HANDOVER', endpoint: 's1', cause: { name: 'ReplyError' } };
    await expect(redis.get(moved)).rejects.toMatchObject(refused);
    await expect(redis.set(moved, 'w')).rejects.toMatchObject(refused);
    await expect(redis.multi().incr(moved).exec()).rejects.toMatchObject(refused);
    await allow(1, '~*', '+@all');
    expect(await redis.get(moved)).toBe('v');
    expect(keyOnEach(redis)).toHaveLength(3);
  });
});
