/**
 * A process that starts while others hand keys over: `node … starter-process.ts <ports of Redis>`.
 * Told keys, it adds one to each and answers with what they are then.
 */
import { createMesh, staticResolver } from 'fairlead';
import { ShardedRedis } from 'fairlead/redis';

const cache = process.argv.slice(2).map((port, i) => ({ id: `s${i}`, host: '127.0.0.1', port: Number(port) }));
const redis = new ShardedRedis(createMesh({ resolver: staticResolver({ cache }) }), {
  service: 'cache',
  handover: { windowMs: 60_000, settleMs: 100, background: false },
});
const errors: string[] = [];
redis.on('error', (error) => void errors.push(error.message));

process.on('message', async (keys: string[]) => {
  const values = await Promise.all(keys.map((key) => redis.incr(key)));
  process.send!({ values, moved: redis.handover!.moved, errors });
});
process.send!('started');
