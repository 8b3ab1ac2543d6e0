import { fillMaglev, KeyRing, murmur3, RendezvousTable, type Ring } from '../../../src/hashing/index.js';
import type { KetamaCompatibility, RoutingKey } from '../../../src/index.js';
import type { PlacementName } from '../common/options.js';

/** A shard as the placement sees it: its name decides which keys are its own. */
export interface PlacedShard {
  readonly name: string;
  readonly weight: number;
}

/**
 * Which of some shards owns a key, and which stands in while the owner cannot be used. Immutable.
 */
export interface Placement {
  /** The number of the owner. There must be at least one shard. */
  ownerOf(key: RoutingKey): number;
  /**
   * The first accepted one from the owner on, in an order that is the key's own; -1 where none is.
   */
  acceptedOf(key: RoutingKey, accept: (shard: number) => boolean): number;
}

export interface PlacementOptions {
  readonly placement: PlacementName;
  readonly compatibility: KetamaCompatibility;
}

/** Places shards that are sorted by name. Keys are hashed by their tag, where they have one. */
export function placeShards(shards: readonly PlacedShard[], options: PlacementOptions): Placement {
  if (options.placement === 'ketama') {
    const keys = new KeyRing({ compatibility: options.compatibility });
    keys.update(shards.map(({ name, weight }) => ({ id: name, weight })));
    return new KetamaPlacement(keys);
  }
  const ids = shards.map(({ name }) => name);
  const weights = shards.map(({ weight }) => weight);
  return options.placement === 'maglev'
    ? new MaglevPlacement(fillMaglev(ids, weights, MAGLEV_ENTRIES))
    : new RendezvousPlacement(new RendezvousTable(ids, weights), shards.length);
}

/** The paper's smaller table: shares within 1 % up to 650 shards. */
const MAGLEV_ENTRIES = 65_537;

/** That of a ring as it is now: the ring may take other shards afterwards. */
export class KetamaPlacement implements Placement {
  readonly #keys: KeyRing;
  readonly #ring: Ring;

  constructor(keys: KeyRing) {
    this.#keys = keys;
    this.#ring = keys.ring;
  }

  ownerOf(key: RoutingKey): number {
    return this.#ring.owners[this.#ring.find(this.#keys.hash(tagOf(key)))]!;
  }

  acceptedOf(key: RoutingKey, accept: (shard: number) => boolean): number {
    const { owners } = this.#ring;
    let position = this.#ring.find(this.#keys.hash(tagOf(key)));
    for (let steps = 0; steps < owners.length; steps++) {
      if (accept(owners[position]!)) return owners[position]!;
      position = this.#ring.next(position);
    }
    return -1;
  }
}

class MaglevPlacement implements Placement {
  readonly #entries: Uint32Array;

  constructor(entries: Uint32Array) {
    this.#entries = entries;
  }

  ownerOf(key: RoutingKey): number {
    return this.#entries[this.#at(key)]!;
  }

  acceptedOf(key: RoutingKey, accept: (shard: number) => boolean): number {
    const size = this.#entries.length;
    const start = this.#at(key);
    for (let step = 0; step < size; step++) {
      const shard = this.#entries[(start + step) % size]!;
      if (accept(shard)) return shard;
    }
    return -1;
  }

  #at(key: RoutingKey): number {
    return (murmur3(tagOf(key), 0) >>> 0) % this.#entries.length;
  }
}

class RendezvousPlacement implements Placement {
  readonly #table: RendezvousTable;
  readonly #count: number;

  constructor(table: RendezvousTable, count: number) {
    this.#table = table;
    this.#count = count;
  }

  ownerOf(key: RoutingKey): number {
    return this.#table.seek(murmur3(tagOf(key), 0));
  }

  acceptedOf(key: RoutingKey, accept: (shard: number) => boolean): number {
    const hash = murmur3(tagOf(key), 0);
    let shard = this.#table.seek(hash);
    for (let step = 0; step < this.#count; step++) {
      if (accept(shard)) return shard;
      shard = this.#table.advance(shard, hash);
    }
    return -1;
  }
}

function tagOf(key: RoutingKey): RoutingKey {
  return hashedPart(key as string | Buffer);
}

/**
 * The part of a key that decides its shard, as in Redis Cluster: what stands between the first `{`
 * and the first `}` after it, if that is not empty; else the whole key.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
 */
export function hashedPart(key: string | Buffer): string | Buffer {
  const open = key.indexOf('{');
  if (open === -1) return key;
  const close = key.indexOf('}', open + 1);
  if (close === -1 || close === open + 1) return key;
  return typeof key === 'string' ? key.slice(open + 1, close) : key.subarray(open + 1, close);
}
