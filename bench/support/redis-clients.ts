import { createMesh, staticResolver } from 'fairlead';
import { KeyRing } from 'fairlead/hashing';
import { ShardedRedis } from 'fairlead/redis';
import HashRing from 'hashring';
import { type Cluster, Redis } from 'ioredis';
import type { Address } from './redis-servers.js';

/** What the cases of Redis do with any client. */
export interface Client {
  get(key: string): Promise<unknown>;
  set(key: string, value: string): Promise<unknown>;
  mget?(keys: string[]): Promise<unknown>;
  del?(keys: string[]): Promise<unknown>;
  mset?(keys: readonly string[], value: string): Promise<unknown>;
  pipelined?(keys: readonly string[], value: string): Promise<unknown>;
  close(): unknown;
}

const setIn = (client: Redis | Cluster, keys: readonly string[], value: string): Promise<unknown> => {
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.set(key, value);
  return pipeline.exec();
};

const pairs = (keys: readonly string[], value: string): string[] => {
  const args: string[] = [];
  for (const key of keys) args.push(key, value);
  return args;
};

/** A client that does it all by itself. */
export function over(client: Redis | Cluster): Client {
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    mget: (keys) => client.mget(keys),
    del: (keys) => client.del(keys),
    mset: (keys, value) => client.mset(pairs(keys, value)),
    pipelined: (keys, value) => setIn(client, keys, value),
    close: () => client.disconnect(),
  };
}

export function sharded(servers: readonly Address[]): Client {
  const endpoints = servers.map((address, i) => ({ id: `s${i}`, ...address }));
  const mesh = createMesh({ resolver: staticResolver({ cache: endpoints }) });
  const redis = new ShardedRedis(mesh, { service: 'cache' });
  return {
    ...over(redis as unknown as Redis),
    close: () => {
      redis.disconnect();
      return mesh.close();
    },
  };
}

/** Keys that one client has, with their places in the whole. */
interface Part {
  readonly client: Redis;
  readonly keys: string[];
  readonly places: number[];
}

/**
 * What one would write instead: a client per server, and a split of what has several keys. `placed`
 * says which of the servers a key is on.
 */
function splitByHand(servers: readonly Address[], placed: (key: string) => number): Client {
  const clients = servers.map(({ host, port }) => new Redis(port, host));
  const split = (keys: readonly string[]): Part[] => {
    const parts: (Part | undefined)[] = new Array(clients.length).fill(undefined);
    for (let i = 0; i < keys.length; i++) {
      const at = placed(keys[i]!);
      parts[at] ??= { client: clients[at]!, keys: [], places: [] };
      const part = parts[at];
      part.keys.push(keys[i]!);
      part.places.push(i);
    }
    return parts.filter((part) => part !== undefined);
  };
  return {
    get: (key) => clients[placed(key)]!.get(key),
    set: (key, value) => clients[placed(key)]!.set(key, value),
    mget: async (keys) => {
      const parts = split(keys);
      const replies = await Promise.all(parts.map((part) => part.client.mget(part.keys)));
      const values: unknown[] = new Array(keys.length).fill(null);
      for (let i = 0; i < parts.length; i++) {
        const { places } = parts[i]!;
        for (let j = 0; j < places.length; j++) values[places[j]!] = replies[i]![j];
      }
      return values;
    },
    del: async (keys) => {
      const counts = await Promise.all(split(keys).map((part) => part.client.del(part.keys)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    mset: async (keys, value) => {
      await Promise.all(split(keys).map((part) => part.client.mset(pairs(part.keys, value))));
      return 'OK';
    },
    pipelined: async (keys, value) => {
      const parts = split(keys);
      const replies = await Promise.all(parts.map((part) => setIn(part.client, part.keys, value)));
      const results: unknown[] = new Array(keys.length);
      for (let i = 0; i < parts.length; i++) {
        const { places } = parts[i]!;
        for (let j = 0; j < places.length; j++) results[places[j]!] = (replies[i] as unknown[])[j];
      }
      return results;
    },
    close: () => {
      for (const client of clients) client.disconnect();
    },
  };
}

export function byHashring(servers: readonly Address[]): Client {
  const names = servers.map(({ host, port }) => `${host}:${port}`);
  const ring = new HashRing([...names]);
  const at = new Map(names.map((name, i) => [name, i]));
  return splitByHand(servers, (key) => at.get(ring.get(key))!);
}

/** With the ring of this package, so that a difference is not the placement's. */
export function byOurRing(servers: readonly Address[]): Client {
  const ring = new KeyRing({ compatibility: 'libmemcached' });
  ring.update(servers.map((_, i) => ({ id: `s${i}`, weight: 1 })));
  return splitByHand(servers, (key) => ring.lookup(key));
}
