import type { FailurePolicy, ShardedRedis, ShardedRedisOptions } from 'fairlead/redis';
import { Redis as Plain } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { keyOnEach, redisOver } from './support.js';

/** No look at a shard comes within a test. */
const UNLOOKED = { probeIntervalMs: 60_000, downAfterMs: 60_000 };

describe('a primary that is demoted', () => {
  let servers: Server[];
  /** Another primary, as a failover makes one. */
  let promoted: Server;
  let admin: Plain;
  beforeAll(async () => {
    servers = await Promise.all([startRedis(), startRedis()]);
    promoted = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
    admin = new Plain(servers[0]!.port, servers[0]!.host);
  });
  afterEach(async () => {
    await admin.replicaof('NO', 'ONE');
    await admin.flushall();
    const other = new Plain(promoted.port, promoted.host);
    await other.flushall();
    other.disconnect();
  });
  afterAll(async () => {
    admin?.disconnect();
    await Promise.all([...(servers ?? []), promoted].map((server) => server?.[Symbol.asyncDispose]()));
  });

  const demote = async (): Promise<void> => {
    await admin.replicaof(promoted.host, promoted.port);
    await expect.poll(() => admin.role(), { timeout: 10_000 }).toContain('connected');
  };
  const promote = async (): Promise<void> => void (await admin.replicaof('NO', 'ONE'));
  const over = (onFailure: FailurePolicy, options: Partial<ShardedRedisOptions> = {}) =>
    redisOver(servers, { onFailure, ...options });
  const stateOf = (redis: ShardedRedis): string => redis.describeRing().shards[0]!.state;
  const inState = (redis: ShardedRedis, state: string): Promise<void> =>
    expect.poll(() => stateOf(redis), { timeout: 10_000, interval: 10 }).toBe(state);
  const unavailable = { code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's0' };

  it('is known by its ROLE: its commands fail until it is promoted again, those of others do not', async () => {
    await using client = over('fail');
    const { redis } = client;
    await inState(redis, 'up');
    const [mine, other] = keyOnEach(redis) as [string, string];
    // The other is up, too.
    await redis.get(other);
    const states: string[] = [];
    redis.on('shard', ({ name, state }) => void states.push(`${name} ${state}`));
    await demote();
    await inState(redis, 'demoted');
    await expect(redis.set(mine, 'v')).rejects.toMatchObject({
      ...unavailable,
      cause: { message: expect.stringContaining(`replica of ${promoted.host}:${promoted.port}`) },
    });
    await expect(redis.get(mine)).rejects.toMatchObject(unavailable);
    // On a connection of its own: it is not sent there either.
    await expect(redis.blpop(`{${mine}}:list`, 1)).rejects.toMatchObject(unavailable);
    await expect(redis.subscribe(mine)).rejects.toMatchObject(unavailable);
    expect(await redis.set(other, 'v')).toBe('OK');
    await promote();
    await inState(redis, 'up');
    expect(await redis.set(mine, 'w')).toBe('OK');
    expect(states).toEqual(['s0 demoted', 's0 up']);
  });

  it.each<[string, (redis: ShardedRedis, key: string) => Promise<unknown>]>([
    ['a write', (redis, key) => redis.set(key, 'v')],
    ['a pipeline', (redis, key) => redis.pipeline().get(key).set(key, 'v').exec()],
    ['a transaction', (redis, key) => redis.multi().set(key, 'v').exec()],
    ['a script', (redis, key) => redis.eval("return redis.call('SET', KEYS[1], 'v')", 1, key)],
    ['a command that blocks', (redis, key) => redis.blpop(`{${key}}:list`, 1)],
  ])('is known at once by its answer to %s, and not by one to what reads', async (_, write) => {
    await using client = over('fail', UNLOOKED);
    const { redis } = client;
    await inState(redis, 'up');
    const [mine] = keyOnEach(redis) as [string];
    await demote();
    expect(await redis.get(mine)).toBeNull();
    expect(stateOf(redis)).toBe('up');
    await write(redis, mine).catch(() => {});
    expect(stateOf(redis)).toBe('demoted');
    await expect(redis.set(mine, 'v')).rejects.toMatchObject(unavailable);
  });

  it('is stood in for with the policy next, and shows nothing old when it is promoted again', async () => {
    await using client = over('next');
    const { redis } = client;
    await inState(redis, 'up');
    const [mine] = keyOnEach(redis) as [string];
    await redis.set(mine, 'old');
    await demote();
    await inState(redis, 'demoted');
    expect(await redis.get(mine)).toBeNull();
    expect(await redis.set(mine, 'new')).toBe('OK');
    expect(await redis.get(mine)).toBe('new');
    await promote();
    await inState(redis, 'up');
    expect([null, 'new']).toContain(await redis.get(mine));
    expect(await redis.set(mine, 'again')).toBe('OK');
    expect(await redis.get(mine)).toBe('again');
  });

  it('answers what only reads with the policy replica, where it has no replica itself', async () => {
    await using client = over('replica');
    const { redis } = client;
    await inState(redis, 'up');
    const [mine] = keyOnEach(redis) as [string];
    const other = new Plain(promoted.port, promoted.host);
    await other.set(mine, 'theirs');
    other.disconnect();
    await demote();
    await inState(redis, 'demoted');
    expect(await redis.get(mine)).toBe('theirs');
    await expect(redis.set(mine, 'v')).rejects.toMatchObject({ code: 'FAIRLEAD_READ_ONLY', endpoint: 's0' });
    await promote();
    await inState(redis, 'up');
    expect(await redis.set(mine, 'v')).toBe('OK');
  });

  it('is not used when it is back from being down, and a replica still', async () => {
    await using client = over('fail');
    const { redis } = client;
    await inState(redis, 'up');
    await demote();
    await inState(redis, 'demoted');
    const states: string[] = [];
    redis.on('shard', ({ state }) => void states.push(state));
    await servers[0]!.pause();
    await inState(redis, 'down');
    await servers[0]!.resume();
    await inState(redis, 'demoted');
    await promote();
    await inState(redis, 'up');
    expect(states).toEqual(['down', 'demoted', 'up']);
  });

  it('is what its answers say to a user that may not ask for its ROLE', async () => {
    await admin.call('ACL', 'SETUSER', 'plain', 'on', 'nopass', '~*', '&*', '+@all', '-role');
    await using client = over('fail', { username: 'plain', password: 'x' });
    const { redis } = client;
    await inState(redis, 'up');
    const refusals = async (): Promise<number[]> => {
      const log = (await admin.call('ACL', 'LOG')) as string[][];
      return log.filter((entry) => entry.includes('role')).map((entry) => Number(entry[1]));
    };
    await expect.poll(refusals, { timeout: 10_000 }).toEqual([1]);
    const [mine] = keyOnEach(redis) as [string];
    await demote();
    await expect(redis.set(mine, 'v')).rejects.toThrow(/^READONLY/);
    expect(await redis.get(mine)).toBeNull();
    const commands = async (): Promise<number> =>
      Number(/total_commands_processed:(\d+)/.exec(await admin.info('stats'))?.[1]);
    const before = await commands();
    // Looked at several times more, and asked no more.
    await expect.poll(commands, { timeout: 10_000 }).toBeGreaterThan(before + 40);
    expect(await refusals()).toEqual([1]);
    expect(stateOf(redis)).toBe('up');
  });
});
