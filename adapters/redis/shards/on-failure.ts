import type { Shard, ShardWatch, Target } from './shard.js';

/**
 * Where the commands of one shard go. A policy returns one such object for a shard's whole life;
 * its fields are read again for every command, so they may change with the shard's state.
 */
export interface Routes {
  /** False while others stand in for the shard: its keys go to the next shards on the ring. */
  readonly serving: boolean;
  /** For keys that the shard owns. */
  readonly own: Target;
  /** For keys of a shard that does not serve, where the ring leads from there to this one. */
  readonly standIn: Target;
  /** For commands that every shard gets. */
  readonly listing: Target;
}

/** What a set of shards asks when it is built. */
export interface RouteSource {
  routesOf(shard: Shard): Routes;
}

/**
 * Contract: what becomes of the keys of a shard that cannot be used. One for each client, chosen by
 * its option `onFailure`; `failover/` has the three there are.
 *
 * It is the only author of routes and decides alone when a shard is used: by `admit()` and
 * `quarantine()`. It may send its own commands by `issue()`. It changes nothing else of a shard.
 * Hand-over wraps the routes it returns.
 */
export interface OnFailure extends RouteSource, ShardWatch {
  /**
   * Endpoints that are replicas belong to their shard, and are connected to. Else they are ignored.
   */
  readonly usesReplicas: boolean;
  /** Other shards serve the keys of one that is down, so its channels are theirs as well. */
  readonly standsIn: boolean;
  /** The shard's state is another one now. */
  changed(shard: Shard): void;
  /** The shard is in the topology no longer, and is about to be closed. */
  left(shard: Shard): void;
  /** Shards came, left or were weighted anew. */
  topologyChanged(): void;
  /** The client is closed. It may be used again afterwards, with other shards. */
  close(): void;
}

/** A shard that answers is used at once. */
export const admitAtOnce: ShardWatch = {
  rests: true,
  probe: () => undefined,
  answered: (shard) => shard.admit(),
};
