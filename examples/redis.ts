import { createMesh, staticResolver } from 'fairlead';
import { CrossShardError, ShardedRedis } from 'fairlead/redis';

/**
 * One ioredis client over several plain Redis servers. It writes a few keys that begin with
 * `fairlead-example` and deletes them again:
 *
 *     npx tsx --conditions=fairlead-source examples/redis.ts 127.0.0.1:6379 127.0.0.1:6380 127.0.0.1:6381
 */
const addresses = process.argv.slice(2);
if (addresses.length < 2) throw new Error('Give the addresses of two or more Redis servers.');
const mesh = createMesh({ resolver: staticResolver({ cache: addresses }) });
const redis = new ShardedRedis(mesh, { service: 'cache', keyPrefix: 'fairlead-example:' });

// The keys spread over the shards.
const users = Array.from({ length: 100 }, (_, i) => `user:${i}`);
await redis.mset(Object.fromEntries(users.map((key, i) => [key, String(i)])));
const counts = new Map<string, number>();
for (const key of users) counts.set(redis.shardFor(key), (counts.get(redis.shardFor(key)) ?? 0) + 1);
console.log(`${users.length} keys on ${counts.size} shards`);

// Split by shard and merged in order; a pipeline too.
const values = await redis.mget(users);
console.log(`read in order: ${values.every((value, i) => value === String(i))}`);

// What belongs together has a common tag, and then everything works on it, transactions included.
const results = await redis.multi().set('{cart:7}:items', 1).incr('{cart:7}:items').exec();
console.log(`transaction: ${JSON.stringify(results)}`);

// What does not is refused before anything is sent.
const [here] = users as [string];
const there = users.find((key) => redis.shardFor(key) !== redis.shardFor(here))!;
await redis.rename(here, there).catch((error: unknown) => {
  if (error instanceof CrossShardError) console.log(`refused: ${error.code}`);
});

await redis.del(...users, '{cart:7}:items');
await redis.quit();
await mesh.close();
