import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { READ_NAMES } from '../../adapters/redis/failover/read-commands.js';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { keyOnEach } from './support.js';

/** A replica gets its first copy at once, not after five seconds. */
const EAGER = { args: ['--repl-diskless-sync-delay', '0'] };

describe('with the policy replica', () => {
  let primaries: Server[];
  let replica: Server;
  beforeAll(async () => {
    primaries = await Promise.all([startRedis(EAGER), startRedis(EAGER)]);
    const { host, port } = primaries[0]!;
    replica = await startRedis({ args: ['--replicaof', host, String(port)] });
  });
  afterAll(async () => {
    await Promise.all([...(primaries ?? []), replica].map((server) => server?.[Symbol.asyncDispose]()));
  });

  const endpoints = (): { id: string; host: string; port: number; meta: Record<string, string> }[] => {
    const at = (server: Server, id: string, meta: Record<string, string>) => ({
      id,
      host: server.host,
      port: server.port,
      meta,
    });
    return [
      at(primaries[0]!, 'one', { shard: 'a' }),
      at(primaries[1]!, 'two', { shard: 'b' }),
      at(replica, 'three', { shard: 'a', role: 'replica' }),
    ];
  };

  function client() {
    const resolver = staticResolver({ store: endpoints() });
    const mesh = createMesh({ resolver });
    const redis = new ShardedRedis(mesh, { service: 'store', onFailure: 'replica' });
    const dispose = async () => {
      redis.disconnect();
      await mesh.close();
    };
    return { redis, resolver, [Symbol.asyncDispose]: dispose };
  }

  it('a shard that is down is read from its replica, and what writes fails by a typed error', async () => {
    await using over = client();
    const { redis } = over;
    expect(redis.describeRing().shards.map(({ name }) => name)).toEqual(['a', 'b']);
    const [mine, other] = keyOnEach(redis, 'replicated') as [string, string];
    await redis.mset(mine, 'v', other, 'w');
    await redis.rpush(`{${mine}}:list`, 'x');
    await expect.poll(async () => redis.shard('a').call('WAIT', 1, 1_000), { timeout: 10_000 }).toBe(1);
    await expect.poll(() => redis.describeRing().shards[0]!.replicas[0]!.state).toBe('up');
    await primaries[0]!.pause();
    try {
      await expect.poll(() => redis.describeRing().shards[0]!.state, { timeout: 3_000, interval: 20 }).toBe('down');
      expect(await redis.mget(mine, other)).toEqual(['v', 'w']);
      expect(await redis.lrange(`{${mine}}:list`, 0, -1)).toEqual(['x']);
      expect(await redis.pipeline().get(mine).set(mine, 'lost').exec()).toMatchObject([
        [null, 'v'],
        [{ code: 'FAIRLEAD_READ_ONLY', endpoint: 'a' }],
      ]);
      await expect(redis.set(mine, 'lost')).rejects.toMatchObject({ code: 'FAIRLEAD_READ_ONLY', endpoint: 'a' });
      await expect(redis.eval('return 1', 1, mine)).rejects.toMatchObject({ code: 'FAIRLEAD_READ_ONLY' });
      await expect(redis.multi().set(mine, 'lost').exec()).rejects.toMatchObject({ code: 'FAIRLEAD_READ_ONLY' });
      expect(await redis.set(other, 'still')).toBe('OK');
    } finally {
      await primaries[0]!.resume();
    }
    await expect.poll(() => redis.describeRing().shards[0]!.state, { timeout: 3_000 }).toBe('up');
    expect(await redis.set(mine, 'again')).toBe('OK');
    expect(await redis.get(mine)).toBe('again');
  });

  it('keys stay where they are when discovery forgets a primary, and when it names another', async () => {
    await using over = client();
    const { redis, resolver } = over;
    const keys = Array.from({ length: 100 }, (_, i) => `stay:${i}`);
    const before = keys.map((key) => redis.shardFor(key));
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    await redis.shard('a').call('WAIT', 1, 1_000);
    resolver.update('store', endpoints().slice(1));
    expect(keys.map((key) => redis.shardFor(key))).toEqual(before);
    expect(await redis.mget(keys)).toEqual(keys.map(() => 'v'));
    const [mine] = keyOnEach(redis, 'stay') as [string];
    await expect(redis.set(mine, 'x')).rejects.toMatchObject({ code: 'FAIRLEAD_READ_ONLY' });
    await redis.shard('a').call('REPLICAOF', 'NO', 'ONE');
    const [, second, third] = endpoints();
    resolver.update('store', [second!, { ...third!, meta: { shard: 'a' } }]);
    expect(await redis.set(mine, 'promoted')).toBe('OK');
    expect(await redis.mget(keys.filter((key) => key !== mine))).toEqual(
      keys.filter((key) => key !== mine).map(() => 'v'),
    );
  });

  it('knows exactly the commands that the server itself says only read', async () => {
    await using over = client();
    type Row = [name: string, arity: number, flags: string[], first: number];
    const rows = (await over.redis.shard('b').call('COMMAND')) as Row[];
    const known = new Set(rows.map(([name]) => name));
    const reading = rows.filter(([, , flags]) => flags.includes('readonly')).map(([name]) => name);
    expect(reading.filter((name) => !READ_NAMES.includes(name))).toEqual([]);
    expect(READ_NAMES.filter((name) => known.has(name) && !reading.includes(name))).toEqual([]);
  });
});
