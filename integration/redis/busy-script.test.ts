import { FairleadError } from 'fairlead';
import type { ShardedRedis } from 'fairlead/redis';
import { describe, expect, it } from 'vitest';
import { until } from '../harness/index.js';
import { keyOnEach, redisOver, startServers } from './support.js';

const FOREVER = 'while true do end';

/** A script that keeps the shard of `key` from answering, until it is killed. */
async function hang(redis: ShardedRedis): Promise<{ key: string; script: Promise<unknown> }> {
  const [key] = keyOnEach(redis) as [string];
  await redis.config('SET', 'busy-reply-threshold', '100');
  const script = redis.eval(FOREVER, 1, key).catch((error: Error) => error);
  await until('the shard is down', () => redis.explain(key).state === 'down');
  return { key, script };
}

describe('SCRIPT KILL', () => {
  for (const count of [1, 3]) {
    it(`ends a script that keeps its shard from answering, over ${count}`, async () => {
      await using all = await startServers(count);
      await using over = redisOver(all.servers);
      const { redis } = over;
      const { key, script } = await hang(redis);
      expect(await redis.script('KILL')).toBe('OK');
      expect(await script).toMatchObject({ message: expect.stringContaining('killed') });
      await until('the shard is up', () => redis.explain(key).state === 'up');
      expect(await redis.set(key, 'x')).toBe('OK');
    });
  }

  it('is understood by a client that begins while the script runs', async () => {
    await using all = await startServers();
    await using over = redisOver(all.servers);
    const { redis } = over;
    const { script } = await hang(redis);
    const other = redis.duplicate() as ShardedRedis;
    other.on('error', () => {});
    expect(await other.script('KILL')).toBe('OK');
    expect(await script).toBeInstanceOf(Error);
    other.disconnect();
  });

  it('fails with the word of the server where no shard runs a script', async () => {
    await using all = await startServers();
    await using over = redisOver(all.servers);
    await expect(over.redis.script('KILL')).rejects.toThrow(/^NOTBUSY/);
    await expect(over.redis.function('KILL')).rejects.toThrow(/^NOTBUSY/);
  });

  it('counts shards, not keys, where what is sent to all fails', async () => {
    await using all = await startServers();
    await using over = redisOver(all.servers);
    const failed = await over.redis.config('SET', 'no-such-setting', '1').catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(FairleadError);
    expect((failed as Error).message).toMatch(
      /failed for 3 of 3 shards, on s0, s1, s2: .*See results for each shard\.$/,
    );
  });
});
