import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import HashRing from 'hashring';
import { Cluster, Redis } from 'ioredis';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { atOnce } from '../support/loop.js';

/**
 * Neither ioredis nor Cluster joins the writes of a tick by itself, as ShardedRedis does: with
 * autopipelining they do, so compare with that as well. The hand-written sharding is what one would
 * write instead: `hashring` and a client per server.
 */
interface Address {
  readonly host: string;
  readonly port: number;
}
interface World {
  readonly single: Address;
  readonly servers: readonly Address[];
  readonly nodes: readonly Address[];
}
interface Client {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  mget?(keys: string[]): Promise<unknown>;
  pipelined?(keys: readonly string[], value: string): Promise<unknown>;
  close(): unknown;
}
type Make = (world: World) => Client | Promise<Client>;

const KEYS = Array.from({ length: 10_000 }, (_, i) => `user:${i}:profile`);
const SMALL = 'x'.repeat(64);

function over(client: Redis | Cluster): Client {
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    mget: (keys) => client.mget(keys),
    pipelined: (keys, value) => {
      const pipeline = client.pipeline();
      for (const key of keys) pipeline.set(key, value);
      return pipeline.exec();
    },
    close: () => client.disconnect(),
  };
}

const sharded = (servers: readonly Address[], options: Partial<ShardedRedisOptions> = {}): Client => {
  const endpoints = servers.map((address, i) => ({ id: `s${i}`, ...address }));
  const mesh = createMesh({ resolver: staticResolver({ cache: endpoints }) });
  const redis = new ShardedRedis(mesh, { service: 'cache', ...options });
  return {
    ...over(redis as unknown as Redis),
    close: () => {
      redis.disconnect();
      return mesh.close();
    },
  };
};

const byHand: Make = ({ servers }) => {
  const ring = new HashRing(servers.map(({ host, port }) => `${host}:${port}`));
  const clients = new Map(servers.map(({ host, port }) => [`${host}:${port}`, new Redis(port, host)]));
  const of = (key: string): Redis => clients.get(ring.get(key))!;
  const split = (keys: readonly string[]): Map<Redis, string[]> => {
    const parts = new Map<Redis, string[]>();
    for (const key of keys) {
      const client = of(key);
      const part = parts.get(client);
      if (part === undefined) parts.set(client, [key]);
      else part.push(key);
    }
    return parts;
  };
  return {
    get: (key) => of(key).get(key),
    set: (key, value) => of(key).set(key, value),
    mget: async (keys) => {
      const found = new Map<string, unknown>();
      await Promise.all(
        [...split(keys)].map(async ([client, part]) => {
          const values = await client.mget(part);
          for (let i = 0; i < part.length; i++) found.set(part[i]!, values[i]);
        }),
      );
      return keys.map((key) => found.get(key));
    },
    pipelined: (keys, value) =>
      Promise.all(
        [...split(keys)].map(([client, part]) => {
          const pipeline = client.pipeline();
          for (const key of part) pipeline.set(key, value);
          return pipeline.exec();
        }),
      ),
    close: () => {
      for (const client of clients.values()) client.disconnect();
    },
  };
};

const CLIENTS: Readonly<Record<string, Make>> = {
  'ioredis, 1 server': ({ single }) => over(new Redis(single.port, single.host)),
  'ioredis with autopipelining, 1 server': ({ single }) =>
    over(new Redis(single.port, single.host, { enableAutoPipelining: true })),
  'ioredis.Cluster, 3 nodes': ({ nodes }) => over(new Cluster([...nodes])),
  'hashring and 3 ioredis': byHand,
  'ShardedRedis, 3 servers': ({ servers }) => sharded(servers),
  'ShardedRedis, 1 server': ({ single }) => sharded([single]),
};

type Run = (client: Client, operations: number) => Promise<void>;

const contending = (run: Run, without: readonly string[] = []) =>
  Object.fromEntries(
    Object.entries(CLIENTS)
      .filter(([name]) => !without.includes(name))
      .map(([name, make]) => [
        name,
        async (world: World): Promise<Contender> => {
          const client = await make(world);
          return {
            run: async (operations) => {
              await run(client, operations);
              return undefined;
            },
            close: () => void client.close(),
          };
        },
      ]),
  );

const single = (what: 'get' | 'set', concurrency: number, value: string): Case<World> => ({
  title: `${what.toUpperCase()}, ${concurrency} at once, ${value.length} B`,
  operations: concurrency === 1 ? 1_000 : 5_000,
  baseline: 'ioredis, 1 server',
  contenders: contending((client, operations) =>
    atOnce(operations, concurrency, (i) => {
      const key = KEYS[i % KEYS.length]!;
      return what === 'get' ? client.get(key) : client.set(key, value);
    }),
  ),
});

/** 100 keys of one command or pipeline, which a Cluster takes from one slot only. */
const HUNDREDS = Array.from({ length: 50 }, (_, n) => KEYS.slice(n * 100, n * 100 + 100));
const many = (
  title: string,
  concurrency: number,
  run: (client: Client, keys: string[]) => Promise<unknown>,
): Case<World> => ({
  title: `${title}, ${concurrency} at once`,
  operations: 200,
  baseline: 'hashring and 3 ioredis',
  contenders: contending(
    (client, operations) => atOnce(operations, concurrency, (i) => run(client, HUNDREDS[i % HUNDREDS.length]!)),
    ['ioredis.Cluster, 3 nodes', 'ioredis with autopipelining, 1 server'],
  ),
});

const LARGE = 'x'.repeat(10_000);

export const suite: Suite<World> = {
  about: 'GET, SET, MGET and pipelines over three servers, beside ioredis, Cluster and sharding by hand',
  rounds: 15,
  start: async () => {
    const { startRedis, startRedisCluster } = await import('../../integration/harness/index.js');
    const address = ({ host, port }: Address): Address => ({ host, port });
    const [alone, ...servers] = await Promise.all([1, 2, 3, 4].map(() => startRedis()));
    const cluster = await startRedisCluster();
    return {
      world: { single: address(alone!), servers: servers.map(address), nodes: cluster.nodes.map(address) },
      stop: async () => {
        await Promise.all([alone!, ...servers, cluster].map((each) => each[Symbol.asyncDispose]()));
      },
    };
  },
  cases: [
    ...[1, 10, 100, 1_000].flatMap((concurrency) => [
      single('set', concurrency, SMALL),
      single('get', concurrency, SMALL),
    ]),
    single('set', 100, LARGE),
    ...[1, 10].flatMap((concurrency) => [
      many('MGET of 100', concurrency, (client, keys) => client.mget!(keys)),
      many('pipelines of 100 SET', concurrency, (client, keys) => client.pipelined!(keys, SMALL)),
    ]),
  ],
};
