import type { Target } from '../shards/shard.js';
import type { HeldCommands } from './held-commands.js';
import type { ShardRecord } from './shard-record.js';

/** What is known of one shard. */
export interface ShardEntry {
  readonly held: HeldCommands;
  /** Where commands for its own keys go while it can be used. */
  readonly own: Target;
  /** As its server told, or as we wrote it since; undefined as long as it has not told. */
  record: ShardRecord | undefined;
  /** Counts what we wrote into the record: an answer to an earlier question is not believed. */
  writes: number;
  /** The server refused to write it down; it is told again with every probe until it does. */
  unwritten: boolean;
  /** The last answer lacked a namespace. */
  lacked: boolean;
  /** Others may have taken writes for it. */
  missed: boolean;
  answering: boolean;
  asking: boolean;
  admitted: boolean;
  /** Changes with every break: an admission under way ends. */
  attempt: number;
  admitting: boolean;
}
