import type { Clock, Service } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import type { Command, RedisOptions } from '../driver/driver.js';
import type { Retries } from '../driver/retries.js';
import type { Looks } from './looks.js';

/** What a shard needs from the client it belongs to. */
export interface HostOf<Shard> {
  readonly service: Service;
  readonly clock: Clock;
  /** At all shards of the client. */
  readonly looks: Looks;
  readonly own: ShardedSettings;
  /** As they are now: SELECT, AUTH and CLIENT SETNAME change them. */
  readonly driver: RedisOptions;
  readonly retries: Retries;
  /** See there, of connections. */
  readonly keepsUnsent: boolean;
  /** Decides when a shard that answers is used. */
  readonly watch: WatchOf<Shard>;
  shardChanged(shard: Shard): void;
  shardError(shard: Shard, error: Error): void;
}

/** What decides about the use of shards beyond whether they answer. */
export interface WatchOf<Shard> {
  /**
   * A shard in use that answers is asked in every second look. False where what a probe reads is
   * news that cannot wait.
   */
  readonly rests: boolean;
  /** What each look asks it; undefined where any answer will do. */
  probe(shard: Shard): Command | undefined;
  /** It answers and is not in use; may be reported repeatedly. `shard.admit()` puts it to use. */
  answered(shard: Shard): void;
}
