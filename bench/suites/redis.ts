import { Cluster, Redis } from 'ioredis';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { filling } from '../support/heap.js';
import { atOnce } from '../support/loop.js';
import { byHashring, byOurRing, type Client, over, sharded } from '../support/redis-clients.js';
import { idle } from '../support/redis-idle.js';
import type { Address } from '../support/redis-servers.js';

/**
 * On loopback most of what a small command costs is the system call that writes it: what joins
 * several in one is ahead by that alone. Neither ioredis nor Cluster joins the writes of a tick by
 * itself, as ShardedRedis does; with autopipelining ioredis does, so compare with that as well.
 * What is left to a client's own account shows in its own frames, and in bytes.
 */
interface World {
  /** The first of them are the three, and the twenty. */
  readonly servers: readonly Address[];
  readonly nodes: readonly Address[];
}
type Make = (world: World) => Client | Promise<Client>;

const KEYS = Array.from({ length: 10_000 }, (_, i) => `user:${i}:profile`);
const SMALL = 'x'.repeat(100);
const LARGE = 'x'.repeat(10_000);
const MOST = 100;

const plain = ({ servers: [first] }: World, options = {}): Client =>
  over(new Redis(first!.port, first!.host, { ...options }));

const OURS = 'ShardedRedis, 3 servers';
const BY_HAND = 'hashring and 3 ioredis';

const CLIENTS: Readonly<Record<string, Make>> = {
  'ioredis, 1 server': (world) => plain(world),
  'ioredis with autopipelining, 1 server': (world) => plain(world, { enableAutoPipelining: true }),
  'ioredis.Cluster, 3 nodes': ({ nodes }) => over(new Cluster([...nodes])),
  [BY_HAND]: ({ servers }) => byHashring(servers.slice(0, 3)),
  'by hand on our ring, 3 servers': ({ servers }) => byOurRing(servers.slice(0, 3)),
  [OURS]: ({ servers }) => sharded(servers.slice(0, 3)),
  'ShardedRedis, 1 server': ({ servers }) => sharded(servers.slice(0, 1)),
};

type Run = (client: Client, operations: number) => Promise<void>;

const contending = (run: Run, without: readonly string[] = [], clients = CLIENTS) =>
  Object.fromEntries(
    Object.entries(clients)
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

const calling =
  (what: 'get' | 'set', concurrency: number, value: string): Run =>
  (client, operations) =>
    atOnce(operations, concurrency, (i) => {
      const key = KEYS[i % KEYS.length]!;
      return what === 'get' ? client.get(key) : client.set(key, value);
    });

const single = (what: 'get' | 'set', concurrency: number, value: string): Case<World> => ({
  title: `${what.toUpperCase()}, ${concurrency} at once, ${value.length} B`,
  operations: concurrency === 1 ? 500 : value === LARGE ? 1_000 : 2_500,
  baseline: 'ioredis, 1 server',
  ...(concurrency === 10 && value === SMALL && { targets: { [OURS]: 1 / 1.1 } }),
  contenders: contending(calling(what, concurrency, value)),
});

/** Beside what a program would write that has to shard by itself. */
const byHand = (what: 'get' | 'set', concurrency: number): Case<World> => ({
  title: `${what.toUpperCase()}, ${concurrency} at once, beside sharding by hand`,
  operations: 2_500,
  baseline: BY_HAND,
  targets: { [OURS]: 1 / 1.3 },
  contenders: contending(calling(what, concurrency, SMALL), [], {
    [BY_HAND]: CLIENTS[BY_HAND]!,
    [OURS]: CLIENTS[OURS]!,
  }),
});

const singles = (value: string): Case<World>[] =>
  [1, 10, 100, 1_000].flatMap((concurrency) => [single('set', concurrency, value), single('get', concurrency, value)]);

/** 100 keys of one command or pipeline, which a Cluster takes from one slot only. */
const HUNDREDS = Array.from({ length: 50 }, (_, n) => KEYS.slice(n * 100, n * 100 + 100));
const many = (
  title: string,
  concurrency: number,
  run: (client: Client, keys: string[]) => Promise<unknown>,
): Case<World> => ({
  title: `${title}, ${concurrency} at once`,
  operations: 200,
  baseline: 'by hand on our ring, 3 servers',
  targets: { [OURS]: 1 },
  ownWithBench: true,
  contenders: contending(
    (client, operations) => atOnce(operations, concurrency, (i) => run(client, HUNDREDS[i % HUNDREDS.length]!)),
    ['ioredis.Cluster, 3 nodes', 'ioredis with autopipelining, 1 server'],
  ),
});

const sizes = (one: (servers: number) => (world: World) => Promise<Contender> | Contender) =>
  Object.fromEntries([3, 20, MOST].map((servers) => [`ShardedRedis, ${servers} servers`, one(servers)]));

const growing: Case<World> = {
  title: `GET, 100 at once, over 3 to ${MOST} servers`,
  operations: 2_500,
  baseline: 'ShardedRedis, 3 servers',
  contenders: contending(
    calling('get', 100, SMALL),
    [],
    Object.fromEntries(
      [3, 20, MOST].map((count) => [
        `ShardedRedis, ${count} servers`,
        ({ servers }: World) => sharded(servers.slice(0, count)),
      ]),
    ),
  ),
};

const idling: Case<World> = {
  title: `Idle, half a second, over 3 to ${MOST} servers`,
  operations: 1,
  warmups: 4,
  rounds: 6,
  baseline: 'ShardedRedis, 3 servers',
  contenders: sizes(
    (count) =>
      ({ servers }) =>
        idle(() => sharded(servers.slice(0, count))),
  ),
};

/** Many connections to one server, each of a shard of its own. */
const CONNECTIONS = 100;
const connected: Case<World> = {
  title: 'a connection, bytes on the heap',
  operations: CONNECTIONS,
  rounds: 6,
  warmups: 2,
  baseline: 'ioredis',
  measure: 'heapBytesEach',
  contenders: {
    ioredis: ({ servers }) =>
      filling(
        async (count) => {
          const clients = Array.from({ length: count }, () => new Redis(servers[0]!.port, servers[0]!.host));
          await Promise.all(clients.map((client) => client.get('a')));
          return clients;
        },
        (client: Redis) => client.disconnect(),
      )(undefined),
    ShardedRedis: ({ servers }) =>
      filling(
        async (count) => {
          const client = sharded(Array.from({ length: count }, () => servers[0]!));
          // Of a hundred shards, each is asked.
          await client.mget!(KEYS);
          return [client];
        },
        (client: Client) => void client.close(),
      )(undefined),
  },
};

export const suite: Suite<World> = {
  about: 'GET, SET, MGET, pipelines and idleness over servers, beside ioredis, Cluster and sharding by hand',
  rounds: 8,
  start: async () => {
    const { startRedis, startRedisCluster } = await import('../../integration/harness/index.js');
    const address = ({ host, port }: Address): Address => ({ host, port });
    const servers = await Promise.all(Array.from({ length: MOST }, () => startRedis()));
    const cluster = await startRedisCluster();
    return {
      world: { servers: servers.map(address), nodes: cluster.nodes.map(address) },
      stop: async () => {
        await Promise.all([...servers, cluster].map((each) => each[Symbol.asyncDispose]()));
      },
    };
  },
  cases: [
    ...singles(SMALL),
    byHand('set', 10),
    byHand('get', 10),
    ...[1, 10].flatMap((concurrency) => [
      // Before those that read what it writes.
      many('pipelines of 100 SET', concurrency, (client, keys) => client.pipelined!(keys, SMALL)),
      many('MGET of 100', concurrency, (client, keys) => client.mget!(keys)),
    ]),
    many('MSET of 100', 10, (client, keys) => client.mset!(keys, SMALL)),
    growing,
    ...singles(LARGE),
    many('DEL of 100', 10, (client, keys) => client.del!(keys)),
    idling,
    connected,
  ],
};
