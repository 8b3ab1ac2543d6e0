import type { Endpoint } from '../../src/index.js';
import { type PlacementOptions, placeShards } from './placement.js';
import { Shard, type ShardHost } from './shard.js';
import { ShardSet } from './shard-set.js';

/**
 * Makes shards of endpoints, by name: one that keeps its name and address keeps its connection, one that moves to
 * another address gets a new one. Each change is a new generation, put in place at once; the shards that are left behind
 * finish what is under way.
 */
export class Topology {
  readonly #host: ShardHost;
  readonly #options: PlacementOptions;
  readonly #ordinals = new Map<string, number>();
  #set: ShardSet = new ShardSet(0, [], undefined);

  constructor(host: ShardHost, options: PlacementOptions) {
    this.#host = host;
    this.#options = options;
  }

  get set(): ShardSet {
    return this.#set;
  }

  /** Takes the endpoints as they are now. Gives the shards that are left behind. */
  update(endpoints: readonly Endpoint[]): Shard[] {
    const named = new Map<string, Endpoint>();
    for (const endpoint of endpoints) {
      const name = this.#nameOf(endpoint);
      // Two that claim one name: the first by id, so that all clients agree.
      if (!named.has(name)) named.set(name, endpoint);
    }
    const before = new Map(this.#set.shards.map((shard) => [shard.name, shard]));
    const names = [...named.keys()].sort(byCodeUnits);
    const shards = names.map((name) => {
      const endpoint = named.get(name)!;
      const known = before.get(name);
      return known?.serves(endpoint) ? known : new Shard(this.#host, name, this.#ordinal(name), endpoint);
    });
    const placed = shards.map(({ name, endpoint }) => ({ name, weight: endpoint.spec.weight }));
    const placement = shards.length === 0 ? undefined : placeShards(placed, this.#options);
    const left = this.#set.shards.filter((shard) => !shards.includes(shard));
    this.#set = new ShardSet(this.#set.generation + 1, shards, placement);
    return left;
  }

  #nameOf({ spec }: Endpoint): string {
    return this.#host.own.shardName?.(spec) ?? spec.meta.shard ?? spec.id;
  }

  /** Never given twice: a scan in progress holds it. */
  #ordinal(name: string): number {
    const known = this.#ordinals.get(name) ?? this.#ordinals.size;
    this.#ordinals.set(name, known);
    return known;
  }
}

/** As every language sorts strings that are ASCII; `localeCompare` would depend on the machine. */
const byCodeUnits = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
