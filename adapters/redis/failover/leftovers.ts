import { rawCommand } from '../driver/driver.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import type { Sweeper } from '../shards/sweep.js';

interface LeftoversHost {
  current(): ShardSet;
}

/**
 * Removes from a shard of a cache what others own since a change of the topology: once they have
 * written, it would be stale if the keys came back. Only within the namespace of the cache, so
 * nothing of other programs. Resolves true when nothing is left, by this client or another; false
 * where the signal aborted before.
 */
export function removeLeftovers(
  sweeper: Sweeper,
  shard: Shard,
  host: LeftoversHost,
  namespace: () => string | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const visit = async (keys: readonly Buffer[]): Promise<number> => {
    const prefix = namespace();
    // It is not known yet what is the cache's.
    if (prefix === undefined) return 1;
    const set = host.current();
    const foreign = keys.filter((key) => {
      const text = key.toString('latin1', 0, prefix.length);
      return text === prefix && set.shardOf(key.subarray(prefix.length)) !== shard;
    });
    if (foreign.length === 0) return 0;
    const command = rawCommand('unlink', foreign);
    shard.issue(command);
    await command.promise;
    return 0;
  };
  return sweeper.run({ shard, ring: host.current().ring, signal, ready: async () => {}, visit });
}
