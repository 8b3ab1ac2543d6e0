import { type Clock, FairleadError } from '../../../src/index.js';
import type { Quarantine } from '../common/options.js';
import { ownCommand } from '../driver/driver.js';
import { pause } from '../shards/pause.js';
import type { Shard } from '../shards/shard.js';

/**
 * Resolves when nothing that the shard holds under its present names can be read again, or it has
 * all expired.
 */
export async function cleanse(shard: Shard, quarantine: Quarantine, clock: Clock, signal: AbortSignal): Promise<void> {
  if (quarantine === 'flush') await flush(shard);
  else if (typeof quarantine === 'object') await pause(clock, quarantine.waitMs, signal);
  // The policy that keeps the record begins a generation.
}

async function flush(shard: Shard): Promise<void> {
  const info = ownCommand('info', ['persistence']);
  shard.issue(info);
  // A cache keeps no log of its writes. Whatever the options say, this is a store.
  if (/^aof_enabled:1/m.test(String(await info.promise))) {
    throw new FairleadError(
      'FAIRLEAD_CONFLICT',
      `Shard '${shard.name}' keeps an append-only file, so it is no cache: it is not flushed, and stays out. Set quarantine to 'generation', or onFailure to 'fail'.`,
      { endpoint: shard.name },
    );
  }
  const command = ownCommand('flushdb', ['ASYNC']);
  shard.issue(command);
  await command.promise;
}
