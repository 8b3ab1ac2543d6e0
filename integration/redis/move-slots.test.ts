import { describe, expect, it } from 'vitest';
import { serversOfFile } from './servers-of-file.js';
import { endpointsOf, redisOver } from './support.js';

describe('a hand-over from an owner that hangs', () => {
  const servers = serversOfFile(3);

  const keys = Array.from({ length: 1_000 }, (_, i) => `slot:${i}`);

  async function hung(options: object, then: (from: (name: string) => string[], over: Over) => Promise<void>) {
    await using over = redisOver(servers.slice(0, 2), {
      handover: { windowMs: 60_000, settleMs: 0, background: false, maxMoves: 8 },
      ...options,
    });
    const { redis } = over;
    await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
    const before = keys.map((key) => redis.shardFor(key));
    await servers[0]!.pause();
    try {
      over.resolver.update('cache', endpointsOf(servers));
      const from = (name: string): string[] =>
        keys.filter((key, i) => before[i] === name && redis.shardFor(key) === 's2').slice(0, 40);
      expect([from('s0').length, from('s1').length]).toEqual([40, 40]);
      await then(from, over);
    } finally {
      await servers[0]!.resume();
    }
    await using after = redisOver(servers);
    await after.redis.flushall();
  }
  type Over = ReturnType<typeof redisOver>;

  it('holds up its own keys only', async () => {
    await hung({ downAfterMs: 60_000, commandTimeout: 50_000 }, async (from, { redis }) => {
      let settled = 0;
      for (const key of from('s0')) {
        redis.get(key).then(
          () => settled++,
          () => settled++,
        );
      }
      const healthy = from('s1');
      expect(await redis.mget(healthy)).toEqual(healthy.map(() => 'v'));
      expect(settled).toBe(0);
      redis.disconnect();
    });
  });

  it('ends for these as soon as it is known to be down, not with the time limit of a command', async () => {
    await hung({ commandTimeout: 3_600_000 }, async (from, { redis }) => {
      const ends = await Promise.allSettled(from('s0').map((key) => redis.get(key)));
      const codes = ends.map((end) => (end.status === 'rejected' ? end.reason.code : end.value));
      expect(new Set(codes)).toEqual(new Set(['FAIRLEAD_SHARD_UNAVAILABLE']));
      expect(redis.describeRing().shards[0]!.state).toBe('down');
    });
  });
});
