import type { Endpoint } from '../../../src/index.js';
import { type PlacementOptions, placeShards } from './placement.js';
import { ReplicaTarget } from './replica-target.js';
import { isReplica, Shard, type ShardHost } from './shard.js';
import { ShardSet } from './shard-set.js';

interface NamedEndpoints {
  primary: Endpoint | undefined;
  readonly replicas: Endpoint[];
}

/**
 * Makes shards of endpoints, by name: one that keeps its name and address keeps its connection, one
 * that moves to another address gets a new one. Each change is a new generation, put in place at
 * once; the shards that are left behind finish what is under way.
 */
export class Topology {
  readonly #host: ShardHost;
  readonly #options: PlacementOptions;
  readonly #replicaHost: ShardHost;
  readonly #ordinals = new Map<string, number>();
  #set: ShardSet = new ShardSet(0, [], undefined);

  constructor(host: ShardHost, options: PlacementOptions) {
    this.#host = host;
    // Nobody waits for a replica, and what becomes of it is not the shard's.
    this.#replicaHost = { ...host, watch: undefined, shardChanged: () => {} };
    this.#options = options;
  }

  get set(): ShardSet {
    return this.#set;
  }

  /**
   * Takes the endpoints as they are now. Gives the shards that are left behind. `spare`: those that
   * were before and are still connected.
   */
  update(endpoints: readonly Endpoint[], spare: readonly Shard[] = []): Shard[] {
    const named = this.#byName(endpoints);
    const before = new Map([...spare, ...this.#set.shards].map((shard) => [shard.name, shard]));
    const names = [...named.keys()].sort(byCodeUnits);
    const shards = names.map((name) => {
      const { primary, replicas } = named.get(name)!;
      // Without a primary the first replica is the shard, for what only reads.
      const endpoint = primary ?? replicas[0]!;
      const known = before.get(name);
      const shard = known?.serves(endpoint) ? known : new Shard(this.#host, name, this.#ordinal(name), endpoint);
      if (this.#host.own.onFailure === 'replica') {
        this.#follow(shard, primary === undefined ? replicas.slice(1) : replicas);
      }
      return shard;
    });
    const placed = shards.map(({ name, endpoint }) => ({ name, weight: endpoint.spec.weight }));
    const placement = shards.length === 0 ? undefined : placeShards(placed, this.#options);
    const left = this.#set.shards.filter((shard) => !shards.includes(shard));
    this.#set = new ShardSet(this.#set.generation + 1, shards, placement);
    return left;
  }

  /** Replicas are their shard's, and no shards; without the policy for them they are nothing. */
  #byName(endpoints: readonly Endpoint[]): Map<string, NamedEndpoints> {
    const named = new Map<string, NamedEndpoints>();
    const keepsReplicas = this.#host.own.onFailure === 'replica';
    for (const endpoint of endpoints) {
      const replica = isReplica(endpoint.spec);
      const name = this.#nameOf(endpoint);
      // A replica by its own id belongs to nobody.
      if (replica && (!keepsReplicas || name === endpoint.spec.id)) continue;
      const known = named.get(name) ?? { primary: undefined, replicas: [] };
      if (replica) known.replicas.push(endpoint);
      // Two that claim one name: the first by id, so that all clients agree.
      else known.primary ??= endpoint;
      named.set(name, known);
    }
    return named;
  }

  #follow(shard: Shard, endpoints: readonly Endpoint[]): void {
    const before = shard.replicas;
    shard.replicas = endpoints.map(
      (endpoint) =>
        before.find((replica) => replica.serves(endpoint)) ??
        new Shard(this.#replicaHost, shard.name, shard.ordinal, endpoint),
    );
    for (const replica of before) if (!shard.replicas.includes(replica)) void replica.quit();
    const all = shard.readOnly ? [shard, ...shard.replicas] : shard.replicas;
    const target = new ReplicaTarget(shard, this.#host.service.name, all);
    shard.target = target;
    shard.listing = target;
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
