import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Consul, type Redis as Server, startConsul, startRedis } from '../harness/index.js';
import { keyOnEach } from './support.js';

/**
 * With a check of Consul on each shard: one whose check fails is registered still, and keeps its
 * keys.
 */
describe('a shard that Consul calls critical', () => {
  let consul: Consul;
  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(async () => {
    await consul?.[Symbol.asyncDispose]();
  });

  let names = 0;

  async function run(
    options: Partial<ShardedRedisOptions>,
    then: (redis: ShardedRedis, servers: readonly Server[], health: (name: string) => string) => Promise<void>,
  ): Promise<void> {
    const service = `store-${++names}`;
    const eager = { persist: true, args: ['--repl-diskless-sync-delay', '0'] };
    const servers = await Promise.all([startRedis(eager), startRedis(eager), startRedis(eager)]);
    const replica =
      options.onFailure === 'replica'
        ? await startRedis({ args: ['--replicaof', servers[1]!.host, String(servers[1]!.port)] })
        : undefined;
    const register = ({ host, port }: Server, id: string, meta: Record<string, string>): Promise<void> =>
      consul.register({
        Name: service,
        ID: `${service}-${id}`,
        Address: host,
        Port: port,
        Meta: meta,
        Check: { TCP: `${host}:${port}`, Interval: '1s', Timeout: '500ms', Status: 'passing' },
      });
    for (const [i, server] of servers.entries()) await register(server, `s${i}`, { shard: `s${i}` });
    if (replica !== undefined) await register(replica, 'r1', { shard: 's1', role: 'replica' });
    const mesh = createMesh({ resolver: consulResolver({ address: consul.url }) });
    const redis = new ShardedRedis(mesh, { service, ...options });
    try {
      const states = (): string[] => redis.describeRing().shards.map(({ state }) => state);
      await expect.poll(states, { timeout: 10_000 }).toEqual(['up', 'up', 'up']);
      const health = (name: string): string =>
        mesh.service(service).endpoints.find(({ spec }) => spec.id.endsWith(name))!.state;
      await then(redis, servers, health);
    } finally {
      redis.disconnect();
      await mesh.close();
      await Promise.all([...servers, replica].map((server) => server?.[Symbol.asyncDispose]()));
    }
  }

  it.each(['fail', 'next', 'replica'] as const)(
    'keeps its keys with onFailure %s: nothing is lost, nothing read is older than what was written',
    async (onFailure) => {
      await run({ onFailure }, async (redis, servers, health) => {
        const key = keyOnEach(redis, 'critical')[1]!;
        const ring = redis.describeRing();
        const before = Array.from({ length: 100 }, (_, i) => redis.shardFor(`k:${i}`));
        await redis.set(key, 'v1');
        let acknowledged = 'v1';
        if (onFailure === 'replica') {
          await expect.poll(() => redis.shard('s1').call('WAIT', 1, 1_000), { timeout: 10_000 }).toBe(1);
        }
        await servers[1]!.kill();
        await expect.poll(() => health('s1'), { timeout: 10_000 }).toBe('unhealthy');
        expect(redis.describeRing().shards.map(({ name, state }) => [name, state])).toEqual([
          ['s0', 'up'],
          ['s1', 'down'],
          ['s2', 'up'],
        ]);
        expect(redis.describeRing().generation).toBe(ring.generation);
        expect(before.map((_, i) => redis.shardFor(`k:${i}`))).toEqual(before);
        const unavailable = { code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's1' };
        if (onFailure === 'fail') {
          await expect(redis.get(key)).rejects.toMatchObject(unavailable);
          await expect(redis.set(key, 'v2')).rejects.toMatchObject(unavailable);
        } else if (onFailure === 'replica') {
          expect(await redis.get(key)).toBe('v1');
          await expect(redis.set(key, 'v2')).rejects.toMatchObject({ code: 'FAIRLEAD_READ_ONLY', endpoint: 's1' });
        } else {
          expect(await redis.get(key)).toBeNull();
          await redis.set(key, 'v2');
          acknowledged = 'v2';
          expect(await redis.get(key)).toBe('v2');
        }
        await servers[1]!.restart();
        const up = () => redis.describeRing().shards[1]!.state;
        await expect.poll(up, { timeout: 15_000 }).toBe('up');
        const value = await redis.get(key);
        // A cache may have lost it, and must not have the older one.
        if (onFailure === 'next') expect([null, acknowledged]).toContain(value);
        else expect(value).toBe(acknowledged);
      });
    },
  );

  it('is down although it answers, for as long as it is in maintenance', async () => {
    await run({ onFailure: 'fail' }, async (redis, _, health) => {
      const key = keyOnEach(redis, 'maintained')[1]!;
      await redis.set(key, 'v');
      const id = `store-${names}-s1`;
      await consul.api('PUT', `/v1/agent/service/maintenance/${id}?enable=true`);
      await expect.poll(() => health('s1'), { timeout: 10_000 }).toBe('unhealthy');
      await expect(redis.get(key)).rejects.toMatchObject({ code: 'FAIRLEAD_SHARD_UNAVAILABLE', endpoint: 's1' });
      // And stays so, whatever the probes find.
      await new Promise((resolve) => setTimeout(resolve, 700));
      expect(redis.describeRing().shards[1]!.state).toBe('down');
      await consul.api('PUT', `/v1/agent/service/maintenance/${id}?enable=false`);
      await expect.poll(() => redis.describeRing().shards[1]!.state, { timeout: 10_000 }).toBe('up');
      expect(await redis.get(key)).toBe('v');
    });
  });
});
