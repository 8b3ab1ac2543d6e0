/**
 * One of several processes that share their sessions: `node … session-process.ts <port of Redis>`.
 * Told keys, it answers with endpoints.
 */
import { createMesh, staticResolver } from 'fairlead';
import { redisSessionStore, ShardedRedis } from 'fairlead/redis';

const ports = process.argv.slice(2).map(Number);
const endpoints = ['a', 'b', 'c', 'd', 'e'].map((id, i) => ({ id, host: '127.0.0.1', port: 1_000 + i }));
const mesh = createMesh({
  resolver: staticResolver({
    carts: endpoints,
    cache: ports.map((port, i) => ({ id: `s${i}`, host: '127.0.0.1', port })),
  }),
});
const redis = new ShardedRedis(mesh, { service: 'cache' });
redis.on('error', () => {});
const carts = mesh.service('carts', {
  policy: 'random',
  affinity: { ttlMs: 60_000, cacheMs: 1, loadTimeoutMs: 200, store: redisSessionStore(redis, { prefix: 'carts:' }) },
});
let errors = 0;
carts.on('error', () => {
  errors++;
});
await carts.ready();

process.on('message', async ({ number, keys }: { number: number; keys: string[] }) => {
  const found = await Promise.all(keys.map((key) => carts.call(({ spec }) => Promise.resolve(spec.id), { key })));
  const late = redis.shardStats().reduce((sum, { timedOut }) => sum + timedOut, 0);
  process.send!({ number, found, errors, late });
});
process.send!('ready');
