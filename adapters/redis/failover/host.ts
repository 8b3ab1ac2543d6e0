import type { Clock, Random } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import type { Command } from '../driver/driver.js';
import type { ShardSet } from '../shards/shard-set.js';
import type { KeyFinder } from './key-names.js';

/** What a policy leaves to the client. */
export interface FailoverHost extends KeyFinder {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly commandTimeoutMs: number | undefined;
  current(): ShardSet;
  /** Decides anew where a command, or a transaction as a whole, goes. */
  again(commands: readonly Command[]): void;
  error(error: Error): void;
}
