import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';
import { Redis as Plain } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { type Redis as Server, startRedis } from '../harness/index.js';
import { emptyServersOfFile } from './servers-of-file.js';
import { endpointsOf, redisOver, type TestRedis } from './support.js';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

interface Counted {
  readonly acknowledged: number;
  readonly lost: number;
  readonly resurrected: number;
  readonly failed: number;
}

/**
 * Two clients increment the same counters, and set and delete keys of their own, while a server
 * joins and leaves; the second hears of each change so much later.
 */
async function count(
  clients: readonly [TestRedis, TestRedis],
  servers: readonly Server[],
  skewMs: number,
): Promise<Counted> {
  const counters = Array.from({ length: 40 }, (_, i) => `count:${i}`);
  const done = new Map<string, number>(counters.map((key) => [key, 0]));
  const own = new Map<string, string | null>();
  let [acknowledged, failed, running] = [0, 0, true];
  const work = clients.flatMap(({ redis }, client) => [
    ...counters.map(async (key) => {
      while (running) {
        await redis.incr(key).then(
          () => {
            acknowledged++;
            done.set(key, done.get(key)! + 1);
          },
          () => failed++,
        );
      }
    }),
    ...Array.from({ length: 20 }, async (_, i) => {
      const key = `own:${client}:${i}`;
      for (let n = 0; running; n++) {
        const value = n % 3 === 2 ? null : String(n);
        await (value === null ? redis.del(key) : redis.set(key, value)).then(
          () => {
            acknowledged++;
            own.set(key, value);
          },
          () => failed++,
        );
      }
    }),
  ]);
  for (const present of [servers, servers.slice(0, 3), servers]) {
    clients[0].resolver.update('cache', endpointsOf(present));
    await pause(skewMs);
    clients[1].resolver.update('cache', endpointsOf(present));
    // Long enough for what waits, and for moves.
    await pause(1_500);
  }
  running = false;
  await Promise.all(work);
  const [{ redis }] = clients;
  let [lost, resurrected] = [0, 0];
  for (const [key, expected] of done) lost += Math.max(0, expected - Number((await redis.get(key)) ?? 0));
  for (const [key, expected] of own) {
    const value = await redis.get(key);
    if (value === expected) continue;
    if (expected === null) resurrected++;
    else lost++;
  }
  return { acknowledged, lost, resurrected, failed };
}

/**
 * docs/redis.md: without a time to settle several clients can lose writes at a change; not without
 * a trace.
 */
function expectSeen(counted: Counted, ...clients: readonly TestRedis[]): void {
  const seen = clients.map(({ redis }) => redis.handover!.conflict + redis.handover!.present);
  if (counted.lost + counted.resurrected > 0) expect(Math.max(...seen)).toBeGreaterThan(0);
}

describe('when the topology changes, with a hand-over window and two clients', () => {
  const servers = emptyServersOfFile(4);
  const open = (options: object = {}): TestRedis =>
    redisOver(servers.slice(0, 3), { handover: { windowMs: 60_000, ...options } });

  it.each([0, 300])('loses no acknowledged write and fails no command where one hears %d ms later', async (skewMs) => {
    await using one = open();
    await using two = open();
    const counted = await count([one, two], servers, skewMs);
    console.log(`told ${skewMs} ms apart:`, JSON.stringify(counted), JSON.stringify(one.redis.handover));
    expect(counted).toMatchObject({ lost: 0, resurrected: 0, failed: 0 });
    expect(counted.acknowledged).toBeGreaterThan(1_000);
    expect(one.redis.handover!.moved + two.redis.handover!.moved).toBeGreaterThan(0);
  });

  it('fails no command where none waits for the other to hear, and what is lost is counted', async () => {
    await using one = open({ settleMs: 0 });
    await using two = open({ settleMs: 0 });
    const counted = await count([one, two], servers, 300);
    console.log('without a time to settle:', JSON.stringify(counted), JSON.stringify(one.redis.handover));
    expect(counted.failed).toBe(0);
    expectSeen(counted, one, two);
  });
});

describe('with the policy replica and a hand-over window', () => {
  it('a promotion moves no key and fails no command, with the primary dead', async () => {
    const eager = { args: ['--repl-diskless-sync-delay', '0'] };
    const primaries = await Promise.all([startRedis(eager), startRedis(eager)]);
    const replica = await startRedis({ args: ['--replicaof', primaries[0]!.host, String(primaries[0]!.port)] });
    const at = ({ host, port }: Server, id: string, meta: Record<string, string>) => ({ id, host, port, meta });
    const all = [
      at(primaries[0]!, 'one', { shard: 'a' }),
      at(primaries[1]!, 'two', { shard: 'b' }),
      at(replica, 'three', { shard: 'a', role: 'replica' }),
    ];
    const resolver = staticResolver({ store: all });
    const mesh = createMesh({ resolver });
    const redis = new ShardedRedis(mesh, { service: 'store', onFailure: 'replica', handover: { windowMs: 60_000 } });
    try {
      const keys = Array.from({ length: 50 }, (_, i) => `key:${i}`);
      await expect.poll(() => redis.describeRing().shards[0]!.replicas[0]!.state, { timeout: 5_000 }).toBe('up');
      await redis.mset(Object.fromEntries(keys.map((key) => [key, 'v'])));
      await expect.poll(async () => redis.shard('a').call('WAIT', 1, 1_000), { timeout: 10_000 }).toBe(1);
      await primaries[0]!.kill();
      await expect.poll(() => redis.describeRing().shards[0]!.state, { timeout: 3_000 }).toBe('down');
      // Discovery forgets the primary; what only reads is answered.
      resolver.update('store', all.slice(1));
      expect(await redis.mget(keys)).toEqual(keys.map(() => 'v'));
      // And then promotes the replica.
      const plain = new Plain(replica.port, replica.host);
      await plain.call('REPLICAOF', 'NO', 'ONE');
      plain.disconnect();
      resolver.update('store', [all[1]!, { ...all[2]!, meta: { shard: 'a' } }]);
      expect(await redis.mget(keys)).toEqual(keys.map(() => 'v'));
      expect(await redis.mset(Object.fromEntries(keys.map((key) => [key, 'w'])))).toBe('OK');
      expect(redis.handover).toMatchObject({ active: true, moved: 0, failed: 0 });
      // A third shard: keys of the promoted one are brought, by both clients' rules.
      await using third = await startRedis();
      resolver.update('store', [all[1]!, { ...all[2]!, meta: { shard: 'a' } }, at(third, 'four', { shard: 'c' })]);
      expect(await redis.mget(keys)).toEqual(keys.map(() => 'w'));
      expect(redis.handover!.moved).toBeGreaterThan(0);
    } finally {
      redis.disconnect();
      await mesh.close();
      await Promise.all([...primaries, replica].map((server) => server[Symbol.asyncDispose]()));
    }
  });
});
