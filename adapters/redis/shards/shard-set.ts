import type { RoutingKey } from '../../../src/index.js';
import type { Placement } from './placement.js';
import type { Shard, Target } from './shard.js';

/**
 * The shards of one generation of the topology, and which keys they own. Immutable: replaced as a
 * whole.
 */
export class ShardSet {
  readonly generation: number;
  /** Sorted by name. */
  readonly shards: readonly Shard[];
  /** Those that own nothing here and may still hold keys, while these are handed over. */
  leaving: readonly Shard[] = [];
  readonly #placement: Placement | undefined;
  readonly #all: readonly Target[];
  readonly #serves = (index: number): boolean => this.shards[index]!.serving;

  constructor(generation: number, shards: readonly Shard[], placement: Placement | undefined) {
    this.generation = generation;
    this.shards = shards;
    this.#placement = placement;
    this.#all = shards.map(({ listing }) => listing);
  }

  /** Where the key's commands go now. There must be at least one shard. */
  ownerOf(key: RoutingKey): Target {
    const shard = this.shardOf(key);
    if (shard.serving) return shard.target;
    // The same ring, walked on: keys of the others stay where they are.
    const instead = this.#placement!.acceptedOf(key, this.#serves);
    return instead === -1 ? shard.target : this.shards[instead]!.standIn;
  }

  /** The owner by the ring alone, whether it can be used or not. */
  shardOf(key: RoutingKey): Shard {
    return this.shards.length === 1 ? this.shards[0]! : this.shards[this.#placement!.ownerOf(key)]!;
  }

  /** The one that answers for all: the first by name that is up, else the first. */
  get any(): Target {
    return (this.shards.find(({ state }) => state === 'up') ?? this.shards[0]!).target;
  }

  /** Who gets what is for all: those that others stand in for have nothing that counts. */
  get everyone(): readonly Target[] {
    const serving = this.shards.every((shard) => shard.serving) ? this.#all : this.#all.filter(serves);
    const all = serving.length === 0 ? this.#all : serving;
    return this.leaving.length === 0 ? all : [...all, ...this.leaving];
  }
}

const serves = ({ shard }: Target): boolean => shard.serving;
