import { type Endpoint, FairleadError } from '../../../src/index.js';
import { InTurns } from './in-turns.js';
import { shareOf } from './listed-server.js';
import { Looks } from './looks.js';
import { endpointOf, isHeldBy, type NotedRing, ringDigest } from './noted-ring.js';
import { admitAtOnce, type OnFailure, type RouteSource } from './on-failure.js';
import { type PlacedShard, type Placement, type PlacementOptions, placeShards } from './placement.js';
import { LONG_LIST, Placements } from './placements.js';
import { isReplica } from './role.js';
import { Shard, type ShardHost } from './shard.js';
import { ShardSet } from './shard-set.js';

export interface TopologyHost extends Omit<ShardHost, 'looks'> {
  readonly watch: OnFailure;
  /** Asked for the routes of each shard: `watch`, or what wraps it. */
  readonly routes: RouteSource;
  /** Shards that own nothing any longer and are still connected. */
  leaving(): readonly Shard[];
  /** A list was not taken: the user's `shardName` is wrong about it. The one before stays. */
  failed(error: Error): void;
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
  readonly #making: InTurns;
  readonly #beginning: InTurns;
  /** Made ready, by name, and not yet in a set. */
  #made: ReadonlyMap<string, Shard> = new Map();
  #set: ShardSet;

  constructor(host: TopologyHost, options: PlacementOptions) {
    this.#host = { ...host, looks: new Looks(host.clock, host.own.probeIntervalMs) };
    // No command waits for a replica, and its state is not the shard's.
    this.#replicaHost = { ...this.#host, watch: admitAtOnce, shardChanged: () => {} };
    const { placement, compatibility } = options;
    this.#options = { placement, compatibility };
    this.#placements = new Placements(this.#options, host.clock);
    this.#making = new InTurns(host.clock);
    this.#beginning = new InTurns(host.clock);
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
    this.#placements.close();
    this.#making.close();
    if (endpoints.length > LONG_LIST) this.#making.next(() => this.#prepareNamed(endpoints, ready));
    else this.#prepareNamed(endpoints, ready);
  }

  #prepareNamed(endpoints: readonly Endpoint[], ready: () => void): void {
    const named = this.#byName(endpoints);
    if (named === undefined) return;
    const shards = [...named.keys()].sort(byCodeUnits).map((name): PlacedShard => {
      return { name, weight: shareOf(firstOf(named.get(name)!)) };
    });
    this.#placements.prepare(shards, () => this.#prepareShards(named, ready));
  }

  #prepareShards(named: ReadonlyMap<string, NamedEndpoints>, ready: () => void): void {
    const before = this.#known();
    const made = new Map(this.#made);
    this.#made = made;
    const missing = [...named].filter(([name, each]) => !(made.get(name) ?? before.get(name))?.serves(firstOf(each)));
    const make = ([name, each]: [string, NamedEndpoints]): void => {
      made.get(name)?.disconnect();
      made.set(name, this.#makeShard(name, firstOf(each)));
    };
    this.#making.run(missing, make, ready);
  }

  /** Nothing more is to be made ready. */
  close(): void {
    this.#placements.close();
    this.#making.close();
    this.#beginning.close();
    for (const shard of this.#made.values()) shard.disconnect();
    this.#made = new Map();
  }

  #known(): Map<string, Shard> {
    return new Map([...this.#host.leaving(), ...this.#set.shards].map((shard) => [shard.name, shard]));
  }

  /** Takes the endpoints as they are now. Returns the shards that are left behind. */
  update(endpoints: readonly Endpoint[]): Shard[] {
    const named = this.#byName(endpoints);
    if (named === undefined) return [];
    const before = this.#known();
    const made = new Map(this.#made);
    this.#made = new Map();
    const names = [...named.keys()].sort(byCodeUnits);
    const shards = names.map((name) => {
      const { primary, replicas } = named.get(name)!;
      const endpoint = firstOf({ primary, replicas });
      const shard = this.#shardOf(name, endpoint, before, made);
      shard.list(endpoint);
      this.#follow(shard, primary === undefined ? replicas.slice(1) : replicas);
      return shard;
    });
    const last = this.#set;
    const set = this.#makeSet(last.generation + 1, shards);
    // Health, tags or replicas changed: the owners of keys did not.
    if (!isSame(last, set)) this.#set = set;
    const all = shards.flatMap((shard) => [shard, ...shard.replicas]);
    for (const each of all) each.heed();
    // Wanted no longer.
    for (const shard of made.values()) shard.disconnect();
    this.#beginning.run(
      all.filter(({ begun }) => !begun),
      (each) => each.begin(),
    );
    const kept = new Set(shards);
    return last.shards.filter((shard) => !kept.has(shard));
  }

  /** `made` is left with what is not used. */
  #shardOf(name: string, endpoint: Endpoint, before: Map<string, Shard>, made: Map<string, Shard>): Shard {
    const known = before.get(name);
    if (known?.serves(endpoint)) return known;
    const ready = made.get(name);
    if (!ready?.serves(endpoint)) return this.#makeShard(name, endpoint);
    made.delete(name);
    return ready;
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
      const shard = known.find(same) ?? this.#makeShard(name, endpointOf(each));
      shard.begin();
      return shard;
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

  /** Undefined where the user's `shardName` cannot name them: that was reported. */
  #byName(endpoints: readonly Endpoint[]): Map<string, NamedEndpoints> | undefined {
    try {
      return this.#named(endpoints);
    } catch (thrown) {
      this.#host.failed(thrown instanceof Error ? thrown : new Error(String(thrown)));
      return undefined;
    }
  }

  /** Replicas belong to their shard; a policy that does not use them ignores them. */
  #named(endpoints: readonly Endpoint[]): Map<string, NamedEndpoints> {
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
    const name: unknown = this.#host.own.shardName?.(spec);
    if (name === undefined || name === null) return spec.meta.shard ?? spec.id;
    if (typeof name === 'string') return name;
    throw new FairleadError(
      'FAIRLEAD_INVALID_OPTION',
      `shardName answers a ${typeof name} for ${spec.id}: allowed is a text.`,
    );
  }

  /** Never given twice: a scan in progress holds it. */
  #ordinal(name: string): number {
    const known = this.#ordinals.get(name) ?? this.#ordinals.size;
    this.#ordinals.set(name, known);
    return known;
  }
}

/** Without a primary the first replica is the shard, for what only reads. */
function firstOf({ primary, replicas }: NamedEndpoints): Endpoint {
  return primary ?? replicas[0]!;
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
