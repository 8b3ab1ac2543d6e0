import type { Clock, Random } from '../../../src/index.js';
import type { RedisKey } from '../common/errors.js';
import type { ShardedSettings } from '../common/options.js';
import type { Command } from '../driver/driver.js';
import type { ShardSet } from '../shards/shard-set.js';

/** What a policy leaves to the client. */
export interface FailoverHost {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly commandTimeoutMs: number | undefined;
  current(): ShardSet;
  keysOf(command: Command): readonly RedisKey[];
  /** Decides anew where a command goes. */
  route(command: Command): void;
  error(error: Error): void;
}
