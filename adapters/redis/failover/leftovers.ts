import { rawCommand } from '../driver/driver.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { type SweepHost, sweep } from '../shards/sweep.js';

/**
 * Removes from a shard of a cache what others own since a change of the topology: once they have
 * written, it would be stale if the keys came back. Only within the namespace of the cache, so
 * nothing of anybody else's.
 */
export function removeLeftovers(
  shard: Shard,
  host: SweepHost & { current(): ShardSet },
  namespace: () => string | undefined,
  going: () => boolean,
): Promise<void> {
  return sweep(shard, host, going, async (keys) => {
    const prefix = namespace();
    if (prefix === undefined) return;
    const set = host.current();
    const foreign = keys.filter((key) => {
      const text = key.toString('latin1', 0, prefix.length);
      return text === prefix && set.shardOf(key.subarray(prefix.length)) !== shard;
    });
    if (foreign.length === 0) return;
    const command = rawCommand('unlink', foreign);
    shard.issue(command);
    await command.promise;
  });
}
