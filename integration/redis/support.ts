import { createMesh, type Mesh, type StaticResolver, staticResolver } from 'fairlead';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import { type Redis as Server, startRedis } from '../harness/index.js';

export interface RedisServers extends AsyncDisposable {
  readonly servers: readonly Server[];
}

/** Three plain servers. */
export async function startServers(count = 3): Promise<RedisServers> {
  const servers = await Promise.all(Array.from({ length: count }, () => startRedis()));
  return {
    servers,
    [Symbol.asyncDispose]: async () => void (await Promise.all(servers.map((server) => server[Symbol.asyncDispose]()))),
  };
}

type Address = Pick<Server, 'host' | 'port'>;

export interface TestRedis extends AsyncDisposable {
  readonly mesh: Mesh;
  readonly resolver: StaticResolver;
  readonly redis: ShardedRedis;
}

/** Endpoints named s0, s1, s2. */
export function endpointsOf(servers: readonly Address[]): { id: string; host: string; port: number }[] {
  return servers.map(({ host, port }, i) => ({ id: `s${i}`, host, port }));
}

/** A mesh and a client over the servers, as an application has them. */
export function redisOver(servers: readonly Address[], options: Partial<ShardedRedisOptions> = {}): TestRedis {
  const resolver = staticResolver({ cache: endpointsOf(servers) });
  const mesh = createMesh({ resolver });
  const redis = new ShardedRedis(mesh, { service: 'cache', ...options });
  return {
    mesh,
    resolver,
    redis,
    [Symbol.asyncDispose]: async () => {
      redis.disconnect();
      await mesh.close();
    },
  };
}

/** One key for each shard, in the order of the shards' names. */
export function keyOnEach(redis: ShardedRedis, prefix = 'key'): string[] {
  const { shards } = redis.describeRing();
  return shards.map(({ name }) => {
    for (let i = 0; ; i++) if (redis.shardFor(`${prefix}:${i}`) === name) return `${prefix}:${i}`;
  });
}
