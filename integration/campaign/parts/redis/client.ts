import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import type { ClientContext, ClientPart, RunningClient } from '../../part.js';
import { Messages } from './messages.js';
import { cacheOperations, choose, type OperationContext, storeOperations } from './operations.js';
import { readAll } from './read-all.js';
import { SERVICE } from './world.js';

export const client: ClientPart = {
  async start(context: ClientContext): Promise<RunningClient> {
    const { options, history, keys } = context;
    const { mode, ...given } = options as { mode: string } & Partial<ShardedRedisOptions>;
    const { consul } = context.world as { consul: string };
    const mesh = createMesh({ resolver: consulResolver({ address: consul, env: {} }) });
    const redis = new ShardedRedis(mesh, {
      ...given,
      service: SERVICE,
      ...(mode === 'cache' && { onFailure: 'next' as const }),
    });
    // Events of shards that fail are what a campaign is about.
    redis.on('error', () => {});
    await mesh.service(SERVICE).ready();
    const messages = mode === 'cache' ? undefined : new Messages(redis, context);
    await messages?.subscribe();
    const own: OperationContext = { redis, history, keys, name: context.name, unique: 0 };
    const operations = mode === 'cache' ? cacheOperations : storeOperations;
    return {
      async step(worker, random) {
        await choose(operations, random)(own, worker, random);
        if (random.below(40) === 0) await messages?.publish(worker, random);
      },
      async final() {
        if (mode !== 'cache') await readAll(own);
        await messages?.final();
      },
      async end() {
        await messages?.close();
        const left = redis.shardStats().filter(({ offline }) => offline > 0);
        if (left.length > 0) history.complain('commands wait although none is asked for', left);
        await redis.quit();
        await mesh.close({ deadlineMs: 2_000 });
      },
    };
  },
};
