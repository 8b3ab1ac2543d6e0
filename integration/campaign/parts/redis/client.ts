import { createMesh } from 'fairlead';
import { consulResolver } from 'fairlead/consul';
import { ShardedRedis, type ShardedRedisOptions } from 'fairlead/redis';
import type { ClientContext, ClientPart, RunningClient } from '../../part.js';
import { COLLECTIONS } from './collections.js';
import type { OperationContext } from './context.js';
import { Messages } from './messages.js';
import { cacheOperations, choose, SCRIPTS, storeOperations } from './operations.js';
import { readAll } from './read-all.js';
import { SERVICE } from './world.js';

export const client: ClientPart = {
  async start(context: ClientContext): Promise<RunningClient> {
    const { options, history, keys } = context;
    const { mode, late, ...given } = options as { mode: string; late?: boolean } & Partial<ShardedRedisOptions>;
    const { consul, lateConsul } = context.world as { consul: string; lateConsul: string };
    // The first client, and who takes its place.
    const hearsLate = late === true && /^c0/.test(context.name);
    const address = hearsLate ? lateConsul : consul;
    const mesh = createMesh({ resolver: consulResolver({ address, env: {} }) });
    const redis = new ShardedRedis(mesh, {
      ...given,
      scripts: SCRIPTS,
      service: SERVICE,
      ...(mode === 'cache' && { onFailure: 'next' as const }),
    });
    // Events of shards that fail are what a campaign is about.
    redis.on('error', () => {});
    await mesh.service(SERVICE).ready();
    const messages = mode === 'cache' ? undefined : new Messages(redis, context);
    await messages?.subscribe();
    const own: OperationContext = { redis, history, keys, name: context.name, hearsLate, unique: 0 };
    const operations = mode === 'cache' ? cacheOperations : storeOperations;
    const watch = mode === 'moving' ? watchOwners(own) : undefined;
    return {
      async step(worker, random) {
        await choose(operations, random)(own, worker, random);
        if (random.below(40) === 0) await messages?.publish(worker, random);
      },
      async final() {
        if (handsOver(given)) await untilHandedOver(own);
        if (mode !== 'cache') await readAll(own);
        await messages?.final();
      },
      async end() {
        clearInterval(watch);
        await messages?.close();
        const left = redis.shardStats().filter(({ offline }) => offline > 0);
        if (left.length > 0) history.complain('commands wait although none is asked for', left);
        await redis.quit();
        await mesh.close({ deadlineMs: 2_000 });
      },
    };
  },
};

const LOOK_MS = 100;

/** Where this client sends which key, each time its list of servers is another one. */
function watchOwners({ redis, history, keys }: OperationContext): NodeJS.Timeout {
  let known = '';
  const look = (): void => {
    const shards = redis
      .shardStats()
      .map(({ name }) => name)
      .sort()
      .join();
    if (shards === known) return;
    known = shards;
    const owners: Record<string, string> = {};
    for (const kind of ['counter', 'register', ...COLLECTIONS])
      for (let i = 0; i < keys; i++) owners[`${kind}:${i}`] = redis.shardFor(`${kind}:${i}`);
    history.invoke(0, 'owners', shards, owners).ok();
  };
  look();
  return setInterval(look, LOOK_MS);
}

/** Windows that are over within a round. */
const handsOver = ({ handover }: Partial<ShardedRedisOptions>): boolean =>
  handover !== undefined && handover.background !== false && handover.windowMs < 10_000;

/** Longer than settling, a window and its sweeps take. */
const HANDED_OVER_WITHIN_MS = 12_000;

/** In quiet a hand-over comes to its end, and each key is at one server. */
async function untilHandedOver({ redis, history }: OperationContext): Promise<void> {
  for (let waitedMs = 0; redis.handover?.active && waitedMs < HANDED_OVER_WITHIN_MS; waitedMs += 50) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (redis.handover?.active) history.complain('a hand-over does not end', redis.handover);
  else history.invoke(0, 'handed-over', '').ok();
}
