import type { RoutingKey } from '../../src/index.js';
import type { Placement } from './placement.js';
import type { Shard } from './shard.js';

/** The shards of one generation of the topology, and which keys they own. Immutable: replaced as a whole. */
export class ShardSet {
  readonly generation: number;
  /** Sorted by name. */
  readonly shards: readonly Shard[];
  readonly #placement: Placement | undefined;

  constructor(generation: number, shards: readonly Shard[], placement: Placement | undefined) {
    this.generation = generation;
    this.shards = shards;
    this.#placement = placement;
  }

  /** There must be at least one. */
  ownerOf(key: RoutingKey): Shard {
    return this.shards.length === 1 ? this.shards[0]! : this.shards[this.#placement!.ownerOf(key)]!;
  }

  /** The one that answers for all: the first by name that is up, else the first. */
  get any(): Shard {
    return this.shards.find(({ state }) => state === 'up') ?? this.shards[0]!;
  }
}
