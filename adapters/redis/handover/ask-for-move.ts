import { moveRefused, type RedisKey } from '../common/errors.js';
import { ask } from '../shards/ask.js';
import type { Shard } from '../shards/shard.js';

/** The keys of a shard that refuses this must not be taken for missing. */
export async function askForMove(
  service: string,
  shard: Shard,
  name: string,
  args: readonly RedisKey[],
): Promise<unknown> {
  try {
    return await ask(service, shard, name, args);
  } catch (error) {
    throw (error as Error).name === 'ReplyError' ? moveRefused(service, shard.name, error as Error) : error;
  }
}
