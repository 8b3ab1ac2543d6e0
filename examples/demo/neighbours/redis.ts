import { ShardedRedis } from 'fairlead/redis';
import { findProgram, freePort, Processes } from './native.js';
import { type Neighbour, type NeighbourContext, NotHere, register } from './neighbour.js';

const SHARDS = ['sessions-1', 'sessions-2'];
const KEYS = 1_000;

/** Two plain servers, as one by their keys. */
export async function startRedis({ mesh, registry }: NeighbourContext): Promise<Neighbour> {
  const program = await findProgram('redis-server', /Redis/, ['root-redis', 'usr/bin/redis-server']);
  if (program === undefined) throw new NotHere('no redis-server on this machine');
  const processes = new Processes('redis');
  try {
    const ports: Record<string, number> = {};
    for (const id of SHARDS) {
      const port = await freePort();
      const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      await processes.start(program, args, port);
      ports[id] = port;
    }
    await register(registry, 'sessions', ports);
    const redis = new ShardedRedis(mesh, { service: 'sessions' });
    // What fails is counted with the commands.
    redis.on('error', () => {});
    return {
      title: 'sessions (Redis, two shards)',
      work: async (i) => {
        const key = `session:${i % KEYS}`;
        await redis.set(key, String(i));
        const [value] = await redis.mget(key, `session:${(i + 1) % KEYS}`);
        if (value === null) throw new Error('what was written is not there');
      },
      stop: async () => {
        redis.disconnect();
        await processes.stop();
      },
      stopNow: () => processes.stopNow(),
    };
  } catch (error) {
    await processes.stop();
    throw error;
  }
}
