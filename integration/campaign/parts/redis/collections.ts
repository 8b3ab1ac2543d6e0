import type { ShardedRedis } from 'fairlead/redis';
import type { Random } from 'fairlead/testing';

/** Kinds of keys that only grow, by items that are unique. */
export const COLLECTIONS = ['list', 'set', 'hash', 'zset', 'stream', 'geo', 'text', 'bits'] as const;
type Collection = (typeof COLLECTIONS)[number];

export function addItem(
  redis: ShardedRedis,
  kind: Collection,
  key: string,
  item: string,
  random: Random,
): Promise<unknown> {
  switch (kind) {
    case 'list':
      return random.below(2) === 0 ? redis.rpush(key, item) : redis.lpush(key, item);
    case 'set':
      return redis.sadd(key, item);
    case 'hash':
      return random.below(2) === 0 ? redis.hset(key, item, '1') : redis.hsetnx(key, item, '1');
    case 'zset':
      return redis.zadd(key, String(random.below(100)), item);
    case 'stream':
      return redis.xadd(key, '*', 'item', item);
    case 'geo':
      return redis.geoadd(key, random.below(180), random.below(80), item);
    case 'text':
      return redis.append(key, `${item};`);
    case 'bits':
      return redis.setbit(key, item, 1);
  }
}

/** All items of a collection, or of a queue, by its kind; `other`: by another command, where there is one. */
export async function itemsAt(redis: ShardedRedis, key: string, other = false): Promise<string[]> {
  switch (key.split(':')[0]) {
    case 'list':
    case 'queue':
      return other ? ((await redis.sort(key, 'BY', 'nothing')) as string[]) : await redis.lrange(key, 0, -1);
    case 'set':
      return other ? await redis.sunion(key) : await redis.smembers(key);
    case 'hash':
      return other ? Object.keys(await redis.hgetall(key)) : await redis.hkeys(key);
    case 'zset':
    case 'zqueue':
    case 'geo':
      return other ? await redis.zrevrangebyscore(key, '+inf', '-inf') : await redis.zrange(key, '0', '-1');
    case 'text':
      return ((await redis.get(key)) ?? '').split(';').slice(0, -1);
    case 'bits':
      return bitsOf(await redis.getBuffer(key));
    default:
      return other
        ? itemsOf((await redis.xread('STREAMS', key, '0'))?.[0]?.[1])
        : itemsOf(await redis.xrange(key, '-', '+'));
  }
}

const itemsOf = (entries: readonly [id: string, fields: string[]][] = []): string[] =>
  entries.map(([, fields]) => fields[1]!);

function bitsOf(bytes: Buffer | null): string[] {
  const bits: string[] = [];
  for (const [at, byte] of (bytes ?? Buffer.alloc(0)).entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte & (0x80 >> bit)) !== 0) bits.push(String(at * 8 + bit));
  }
  return bits;
}
