import { inflightOn, waitingOn } from '../driver/driver.js';
import type { Shard } from './shard.js';
import type { ShardState } from './state.js';

/**
 * One shard as of now. Counts begin when the client first connects to this server, and are of
 * commands as they reach a shard: a command that is split is one for each of its shards; looks at
 * the shard, moves of keys and subscriptions are none.
 */
export interface ShardStats {
  readonly name: string;
  /** `host:port` of its server. */
  readonly address: string;
  readonly state: ShardState;
  /** Sent to it, or put into its queue. */
  readonly commands: number;
  /** Answered by an error of the server. */
  readonly errors: number;
  /** Not sent, as the shard was down, in quarantine, or too many waited. */
  readonly refused: number;
  /** Under way when the connection broke: they may have been executed. */
  readonly uncertain: number;
  /** Not answered within `commandTimeout`. */
  readonly timedOut: number;
  /** Sent and not answered at this moment, looks at the shard included. */
  readonly inflight: number;
  /** Waiting for the connection at this moment. */
  readonly offline: number;
  /** Connections of commands that block, idle ones included. */
  readonly blocking: number;
  /** Keys that this client brought here, and away from here, by a hand-over. */
  readonly movedIn: number;
  readonly movedOut: number;
  /** With the policy `replica`. */
  readonly replicas: readonly ShardStats[];
}

export function statsOf(shard: Shard): ShardStats {
  const { name, address, state, connection, counts, replicas } = shard;
  return {
    name,
    address,
    state,
    commands: counts.commands,
    errors: counts.errors,
    refused: counts.refused,
    uncertain: counts.uncertain,
    timedOut: counts.timedOut,
    inflight: inflightOn(connection),
    offline: waitingOn(connection),
    blocking: shard.blocking.size,
    movedIn: counts.movedIn,
    movedOut: counts.movedOut,
    replicas: replicas.map(statsOf),
  };
}
