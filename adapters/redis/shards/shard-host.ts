import type { Clock, Service } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import type { Command, RedisOptions } from '../driver/driver.js';
import type { Retries } from '../driver/retries.js';

/** What a shard needs from the client it belongs to. */
export interface HostOf<Shard> {
  readonly service: Service;
  readonly clock: Clock;
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
  /** What to ask it by whether it is there. */
  probe(shard: Shard): Command;
  /** It answers and is not in use; may be reported repeatedly. `shard.admit()` puts it to use. */
  answered(shard: Shard): void;
}
