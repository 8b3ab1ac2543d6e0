import type { Endpoint } from '../../../src/index.js';
import { shareOf } from './listed-server.js';
import { Looks } from './looks.js';
import { endpointOf, isHeldBy, type NotedRing, ringDigest } from './noted-ring.js';
import { admitAtOnce, type OnFailure, type RouteSource } from './on-failure.js';
import { type PlacedShard, type Placement, type PlacementOptions, placeShards } from './placement.js';
import { Placements } from './placements.js';
import { isReplica } from './role.js';
import { Shard, type ShardHost } from './shard.js';
import { ShardSet } from './shard-set.js';

export interface TopologyHost extends Omit<ShardHost, 'looks'> {
  readonly watch: OnFailure;
  /** Asked for the routes of each shard: `watch`, or what wraps it. */
  readonly routes: RouteSource;
  /** Shards that own nothing any longer and are still connected. */
  leaving(): readonly Shard[];
}

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
  readonly #host: TopologyHost & ShardHost;
  readonly #options: PlacementOptions;
  readonly #replicaHost: ShardHost;
  readonly #ordinals = new Map<string, number>();
  readonly #placements: Placements;
  #set: ShardSet;

  constructor(host: TopologyHost, options: PlacementOptions) {
    this.#host = { ...host, looks: new Looks(host.clock, host.own.probeIntervalMs) };
    // No command waits for a replica, and its state is not the shard's.
    this.#replicaHost = { ...this.#host, watch: admitAtOnce, shardChanged: () => {} };
    const { placement, compatibility } = options;
    this.#options = { placement, compatibility };
    this.#placements = new Placements(this.#options, host.clock);
    this.#set = this.#makeSet(0, []);
  }

  get set(): ShardSet {
    return this.#set;
  }

  /**
   * Makes ready to take these endpoints, and calls back then: at once, unless they are many. Not at
   * all where others are to be taken before.
   */
  prepare(endpoints: readonly Endpoint[], ready: () => void): void {
    const named = this.#byName(endpoints);
    const shards = [...named.keys()].sort(byCodeUnits).map((name): PlacedShard => {
      const { primary, replicas } = named.get(name)!;
      return { name, weight: shareOf(primary ?? replicas[0]!) };
    });
    this.#placements.prepare(shards, ready);
  }

  /** Nothing more is to be made ready. */
  close(): void {
    this.#placements.close();
  }

  /** Takes the endpoints as they are now. Returns the shards that are left behind. */
  update(endpoints: readonly Endpoint[]): Shard[] {
    const named = this.#byName(endpoints);
    const before = new Map([...this.#host.leaving(), ...this.#set.shards].map((shard) => [shard.name, shard]));
    const names = [...named.keys()].sort(byCodeUnits);
    const shards = names.map((name) => {
      const { primary, replicas } = named.get(name)!;
      // Without a primary the first replica is the shard, for what only reads.
      const endpoint = primary ?? replicas[0]!;
      const known = before.get(name);
      const shard = known?.serves(endpoint) ? known : this.#makeShard(name, endpoint);
      shard.list(endpoint);
      this.#follow(shard, primary === undefined ? replicas.slice(1) : replicas);
      return shard;
    });
    const last = this.#set;
    const set = this.#makeSet(last.generation + 1, shards);
    // Health, tags or replicas changed: the owners of keys did not.
    if (!isSame(last, set)) this.#set = set;
    for (const shard of shards) for (const each of [shard, ...shard.replicas]) each.heed();
    return last.shards.filter((shard) => !shards.includes(shard));
  }

  /**
   * A topology that another client has noted; undefined where it places keys by other rules.
   * `named`: a shard of this name is that one, wherever its server is now.
   */
  recall({ placement, compatibility, shards: noted }: NotedRing, named: boolean): ShardSet | undefined {
    if (placement !== this.#options.placement || compatibility !== this.#options.compatibility) return undefined;
    const known = [...this.#set.shards, ...this.#host.leaving()];
    const shards = noted.map((each) => {
      const { name } = each;
      const same = (shard: Shard): boolean => isHeldBy(each, shard) || (named && shard.name === name);
      return known.find(same) ?? this.#makeShard(name, endpointOf(each));
    });
    return this.#makeSet(
      0,
      shards,
      noted.map(({ weight }) => weight),
      (placed) => placeShards(placed, this.#options),
    );
  }

  #makeShard(name: string, endpoint: Endpoint): Shard {
    return new Shard(this.#host, name, this.#ordinal(name), endpoint);
  }

  #makeSet(
    generation: number,
    shards: readonly Shard[],
    weights = shards.map(({ weight }) => weight),
    place: (placed: readonly PlacedShard[]) => Placement = (placed) => this.#placements.of(placed),
  ): ShardSet {
    const { routes, leaving } = this.#host;
    const placed = shards.map(({ name, address }, i) => ({ name, address, weight: weights[i]! }));
    const placement = shards.length === 0 ? undefined : place(placed);
    const ring = ringDigest(this.#options, placed);
    return new ShardSet({ generation, shards, placement, ring, weights, routes, leaving });
  }

  /** Replicas belong to their shard; a policy that does not use them ignores them. */
  #byName(endpoints: readonly Endpoint[]): Map<string, NamedEndpoints> {
    const named = new Map<string, NamedEndpoints>();
    const { usesReplicas } = this.#host.watch;
    for (const endpoint of endpoints) {
      const replica = isReplica(endpoint.spec);
      const name = this.#nameOf(endpoint);
      // A replica by its own id belongs to no shard.
      if (replica && (!usesReplicas || name === endpoint.spec.id)) continue;
      const known = named.get(name) ?? { primary: undefined, replicas: [] };
      if (replica) known.replicas.push(endpoint);
      // Two that claim one name: the first by id, so that all clients agree, of those that
      // discovery does not call unhealthy.
      else if (known.primary === undefined || (isUnhealthy(known.primary) && !isUnhealthy(endpoint))) {
        known.primary = endpoint;
      }
      named.set(name, known);
    }
    return named;
  }

  #follow(shard: Shard, endpoints: readonly Endpoint[]): void {
    const replicas = endpoints.map((endpoint) => {
      const known = shard.replicas.find((replica) => replica.serves(endpoint));
      known?.list(endpoint);
      return known ?? new Shard(this.#replicaHost, shard.name, shard.ordinal, endpoint);
    });
    shard.follow(replicas);
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

const isUnhealthy = ({ spec }: Endpoint): boolean => spec.healthy === false;

function isSame(a: ShardSet, b: ShardSet): boolean {
  const { length } = a.shards;
  return (
    length > 0 && length === b.shards.length && a.ring === b.ring && a.shards.every((each, i) => each === b.shards[i])
  );
}
