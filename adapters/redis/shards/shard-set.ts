import type { RoutingKey } from '../../../src/index.js';
import type { RouteSource, Routes } from './on-failure.js';
import type { Placement } from './placement.js';
import type { Shard, Target } from './shard.js';

/** What a set is made of. */
export interface ShardSetParts {
  readonly generation: number;
  /** Sorted by name. */
  readonly shards: readonly Shard[];
  /** Undefined where there is no shard. */
  readonly placement: Placement | undefined;
  /**
   * A digest of the servers and of how keys are placed on them: equal for clients that see the
   * same.
   */
  readonly ring: string;
  /** Of the shards as they were placed; default as they are now. */
  readonly weights?: readonly number[];
  /** Asked for each shard's routes once. */
  readonly routes: RouteSource;
  /** Shards that own nothing here and may still hold keys, while these are handed over. */
  leaving(): readonly Shard[];
}

/**
 * The shards of one generation of the topology, which keys they own, and where their commands go.
 * Immutable: replaced as a whole.
 */
export class ShardSet {
  readonly generation: number;
  /** Sorted by name. */
  readonly shards: readonly Shard[];
  readonly ring: string;
  /** As they were placed, in the order of the shards. */
  readonly weights: readonly number[];
  readonly #placement: Placement | undefined;
  /** In the order of the shards. */
  readonly #routes: readonly Routes[];
  readonly #leaving: () => readonly Shard[];
  readonly #serves = (index: number): boolean => this.#routes[index]!.serving;

  constructor({ generation, shards, placement, ring, weights, routes, leaving }: ShardSetParts) {
    this.generation = generation;
    this.shards = shards;
    this.weights = weights ?? shards.map(({ weight }) => weight);
    this.ring = ring;
    this.#placement = placement;
    this.#routes = shards.map((shard) => routes.routesOf(shard));
    this.#leaving = leaving;
  }

  /** Where the key's commands go now. There must be at least one shard. */
  ownerOf(key: RoutingKey): Target {
    return this.targetAt(this.placeOf(key));
  }

  /**
   * The same as a number below `places`, for what has many keys: those with one number have one
   * target. Of the moment, as `ownerOf`.
   */
  placeOf(key: RoutingKey): number {
    const index = this.#indexOf(key);
    if (this.#routes[index]!.serving) return index;
    // The same ring, walked on: keys of the others stay where they are.
    const instead = this.#placement!.acceptedOf(key, this.#serves);
    return instead === -1 ? index : this.shards.length + instead;
  }

  targetAt(place: number): Target {
    const { length } = this.shards;
    return place < length ? this.#routes[place]!.own : this.#routes[place - length]!.standIn;
  }

  /** Two for each shard: its own keys', and those of shards that it stands in for. */
  get places(): number {
    return this.shards.length * 2;
  }

  /** The owner of a key, and where its commands go now. */
  explain(key: RoutingKey): { readonly owner: Shard; readonly target: Target; readonly standsIn: boolean } {
    const index = this.#indexOf(key);
    const target = this.ownerOf(key);
    return { owner: this.shards[index]!, target, standsIn: target !== this.#routes[index]!.own };
  }

  /** The owner by the ring alone, whether it can be used or not. */
  shardOf(key: RoutingKey): Shard {
    return this.shards[this.#indexOf(key)]!;
  }

  #indexOf(key: RoutingKey): number {
    return this.shards.length === 1 ? 0 : this.#placement!.ownerOf(key);
  }

  /** Where all commands go if there is one shard; else undefined. */
  get only(): Target | undefined {
    return this.shards.length === 1 ? this.#routes[0]!.own : undefined;
  }

  /** The one that answers for all: the first by name that is up, else the first. */
  get any(): Target {
    const up = this.shards.findIndex(({ state }) => state === 'up');
    return this.#routes[Math.max(up, 0)]!.own;
  }

  /** Where commands for all shards go: shards that others stand in for hold nothing that counts. */
  get everyone(): readonly Target[] {
    const serving = this.#routes.filter(({ serving }) => serving);
    const all = (serving.length === 0 ? this.#routes : serving).map(({ listing }) => listing);
    return [...all, ...this.#leaving()];
  }
}
