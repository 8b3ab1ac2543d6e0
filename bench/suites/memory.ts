import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { createMesh, type Mesh, Outcome, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { createPool } from 'fairlead/mysql';
import { ShardedRedis } from 'fairlead/redis';
import { Redis } from 'ioredis';
import mysql from 'mysql2';
import type { Case, Contender, Suite } from '../runner/suite.js';
import { startGrpcPorts } from '../support/grpc-servers.js';
import { filling } from '../support/heap.js';

const address = (i: number): { id: string; host: string; port: number } => ({
  id: `e${i}`,
  host: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
  port: 8_080,
});
const addresses = (count: number) => Array.from({ length: count }, (_, i) => address(i));

/** A service that has picked once, so that its rotation and its policy are there. */
function picked(count: number, policy: 'round_robin' | 'peak_ewma' | 'maglev'): Mesh[] {
  const mesh = createMesh({ resolver: staticResolver({ users: addresses(count) }), services: { users: { policy } } });
  mesh.service('users').acquire().done(Outcome.Success);
  return [mesh];
}

const lists = (count: number) => ({
  title: `an endpoint of ${count}`,
  operations: count,
  baseline: 'its address alone',
  measure: 'heapBytesEach',
  warmups: 0,
  contenders: {
    'its address alone': filling(addresses),
    round_robin: filling((many) => picked(many, 'round_robin')),
    peak_ewma: filling((many) => picked(many, 'peak_ewma')),
    maglev: filling((many) => picked(many, 'maglev')),
  },
});

const NO_CHANNELZ = { 'grpc.enable_channelz': 0 };
const EMPTY = Buffer.alloc(0);
const same = (bytes: Buffer): Buffer => bytes;

/** Channels of those targets; where `calls`, connected, and each has had one call. */
async function channels(targets: readonly string[], calls: boolean): Promise<Client[]> {
  const clients = targets.map((target) => {
    const client = new Client(target, credentials.createInsecure(), NO_CHANNELZ);
    client.getChannel().getConnectivityState(false);
    return client;
  });
  if (calls) await Promise.all(clients.map(called));
  return clients;
}

const called = (client: Client): Promise<void> =>
  new Promise((resolve, reject) => {
    client.makeUnaryRequest('/bench.Bench/Call', same, same, EMPTY, new Metadata(), (error) =>
      error ? reject(error) : resolve(),
    );
  });

const CHANNELS = 100;
/** What is made once for all channels is made by these. */
const CHANNELS_BEFORE = 5;
/** Turns of a contender at most, as no connection is to be one of a turn before. */
const TURNS = 16;

/** In turn, none twice. */
async function inTurn(targets: readonly string[], calls: boolean): Promise<Contender> {
  let used = CHANNELS_BEFORE;
  for (const client of await channels(targets.slice(0, used), calls)) client.close();
  return filling(
    (count) => {
      used += count;
      return channels(targets.slice(used - count, used), calls);
    },
    (client: Client) => client.close(),
  )(undefined);
}

/** Each of a service of its own. */
const channelsOf = (title: string, calls: boolean): Case<World> => ({
  title,
  operations: CHANNELS,
  baseline: 'grpc-js',
  measure: 'heapBytesEach',
  warmups: 0,
  targets: { fairlead: 1.1 },
  contenders: {
    'grpc-js': ({ addresses }) =>
      inTurn(
        addresses.map((each) => `ipv4:${each}`),
        calls,
      ),
    fairlead: ({ addresses }) => {
      registerGrpc(createMesh({ resolver: staticResolver(servicesOf(addresses)) }));
      return inTurn(
        addresses.map((_, i) => `fairlead:///s${i}`),
        calls,
      );
    },
    'fairlead, of services that there are': ({ addresses }) => {
      const mesh = createMesh({ resolver: staticResolver(servicesOf(addresses)) });
      registerGrpc(mesh);
      const targets = addresses.map((_, i) => `fairlead:///s${i}`);
      for (const i of addresses.keys()) mesh.service(`s${i}`);
      return inTurn(targets, calls);
    },
  },
});

const servicesOf = (addresses: readonly string[]): Record<string, string[]> =>
  Object.fromEntries(addresses.map((each, i) => [`s${i}`, [each]]));

interface World {
  /** Where gRPC is spoken. */
  readonly addresses: readonly string[];
}

export const suite: Suite<World> = {
  about: 'bytes on the heap per endpoint, service, gRPC channel, shard and MySQL server',
  rounds: 3,
  start: async () => {
    const { addresses, stop } = await startGrpcPorts(CHANNELS_BEFORE + TURNS * CHANNELS);
    return { world: { addresses }, stop: async () => stop() };
  },
  cases: [
    ...[100, 1_000, 10_000, 50_000].map(lists),
    channelsOf('a gRPC channel, not connected', false),
    channelsOf('a gRPC channel, connected, after a call', true),
    {
      title: 'a shard of Redis',
      operations: 100,
      baseline: 'ioredis',
      measure: 'heapBytesEach',
      warmups: 0,
      contenders: {
        ioredis: filling((count) =>
          addresses(count).map(({ host, port }) => new Redis({ host, port, lazyConnect: true })),
        ),
        fairlead: filling((count) => {
          const mesh = createMesh({ resolver: staticResolver({ cache: addresses(count) }) });
          return [mesh, new ShardedRedis(mesh, { service: 'cache', lazyConnect: true })];
        }),
      },
    },
    {
      title: 'a server of MySQL',
      operations: 100,
      baseline: 'PoolCluster',
      measure: 'heapBytesEach',
      // What is made once for all.
      warmups: 1,
      contenders: {
        PoolCluster: filling((count) => {
          const cluster = mysql.createPoolCluster();
          for (const { id, host, port } of addresses(count)) cluster.add(id, { host, port });
          return [cluster];
        }),
        // With the connection, about to be made, that asks each for its role.
        fairlead: filling((count) => {
          const mesh = createMesh({ resolver: staticResolver({ sql: addresses(count) }) });
          return [mesh, createPool(mesh, { service: 'sql', user: 'a' })];
        }),
      },
    },
  ],
};
