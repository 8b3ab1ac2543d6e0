import { Client, credentials } from '@grpc/grpc-js';
import { createMesh, type Mesh, Outcome, staticResolver } from 'fairlead';
import { registerGrpc } from 'fairlead/grpc';
import { createPool } from 'fairlead/mysql';
import { ShardedRedis } from 'fairlead/redis';
import { Redis } from 'ioredis';
import mysql from 'mysql2';
import type { Contender, Suite } from '../runner/suite.js';

/** One operation makes one thing, which nothing is connected to. */
declare const gc: (() => void) | undefined;

function heapBytes(): number {
  gc?.();
  gc?.();
  return process.memoryUsage().heapUsed;
}

/** Bytes each on the heap, while all of them are alive. `fill` keeps what it made in the list. */
const filling = (fill: (count: number) => unknown[] | Promise<unknown[]>) => (): Contender => ({
  run: async (operations) => {
    const before = heapBytes();
    const made = await fill(operations);
    const heapBytesEach = (heapBytes() - before) / operations;
    if (made.length === 0) throw new Error('nothing was made');
    return { heapBytesEach };
  },
});

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

const channels = (target: (i: number) => string) => (count: number) =>
  Array.from({ length: count }, (_, i) => {
    const client = new Client(target(i), credentials.createInsecure(), { 'grpc.enable_channelz': 0 });
    client.getChannel().getConnectivityState(false);
    return client;
  });

export const suite: Suite = {
  about: 'bytes on the heap per endpoint, gRPC channel, shard and MySQL server, with no connection',
  rounds: 3,
  cases: [
    ...[100, 1_000, 10_000, 50_000].map(lists),
    {
      title: 'a gRPC channel',
      operations: 50,
      baseline: 'grpc-js',
      measure: 'heapBytesEach',
      warmups: 0,
      contenders: {
        'grpc-js': filling(channels((i) => `ipv4:127.0.0.1:${10_000 + i}`)),
        fairlead: filling((count) => {
          const services = Object.fromEntries(
            Array.from({ length: count }, (_, i) => [`s${i}`, [`127.0.0.1:${10_000 + i}`]]),
          );
          registerGrpc(createMesh({ resolver: staticResolver(services) }));
          return channels((i) => `fairlead:///s${i}`)(count);
        }),
      },
    },
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
      operations: 20,
      baseline: 'PoolCluster',
      measure: 'heapBytesEach',
      warmups: 0,
      contenders: {
        PoolCluster: filling((count) => {
          const cluster = mysql.createPoolCluster();
          for (const { id, host, port } of addresses(count)) cluster.add(id, { host, port });
          return [cluster];
        }),
        fairlead: filling((count) => {
          const mesh = createMesh({ resolver: staticResolver({ sql: addresses(count) }) });
          return [mesh, createPool(mesh, { service: 'sql', user: 'a' })];
        }),
      },
    },
  ],
};
