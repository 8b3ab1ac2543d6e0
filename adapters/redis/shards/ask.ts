import { shardUnavailable } from '../common/errors.js';
import { rawCommand } from '../driver/driver.js';
import type { Shard } from './shard.js';

/** Fails at once where the shard cannot be used, rather than wait for it. */
export async function ask(
  service: string,
  shard: Shard,
  name: string,
  args: readonly (string | Buffer)[],
): Promise<unknown> {
  const refusal = shard.refusal();
  if (refusal !== undefined) {
    throw shardUnavailable(service, shard.name, 'is needed to hand over the key, and cannot be asked', refusal);
  }
  const command = rawCommand(name, args);
  shard.issue(command);
  return await command.promise;
}
