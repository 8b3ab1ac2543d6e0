import type { RoutingKey } from '../runtime/context.js';
import { integer, oneOf, readOptions, type Schema } from '../runtime/options.js';
import { hashringPoints, ketamaPoints } from './ketama.js';
import { type KetamaCompatibility, labelCounts } from './label-counts.js';
import { md5Word } from './md5.js';
import { murmurPoints } from './murmur-points.js';
import { murmur3 } from './murmur3.js';
import { PlacesBefore } from './places-before.js';
import type { Ring } from './ring.js';
import { type PointSource, RingBuilder, type RingServer } from './ring-builder.js';
import { finish } from './steps.js';

export interface KeyRingServer {
  /**
   * Decides where its points lie: a name that outlives the process, not an address that may change.
   * Unique.
   */
  readonly id: string;
  /** Share of the keys relative to the others; 0.000001 to 1,000,000,000. */
  readonly weight: number;
}

export interface KeyRingOptions {
  /**
   * `ketama` (default): MD5, the placement that memcached and Redis proxies and clients agree on.
   * `murmur3`: the same idea with a hash that costs a third, for rings that need not agree
   * with any other.
   */
  readonly hash?: 'ketama' | 'murmur3';
  /**
   * Labels of a server of average weight, each worth four points. Default 40, Ketama's; 1 to 4,096.
   */
  readonly vnodes?: number;
  /**
   * Which implementation's rounding of points to reproduce. Default `none`: ours, which drops no
   * point.
   */
  readonly compatibility?: KetamaCompatibility;
}

/** Readers of these options, for policies that have more. */
export const keyRingSchema: Schema<Required<KeyRingOptions>> = {
  hash: oneOf('ketama', 'ketama', 'murmur3'),
  vnodes: integer(40, 1, 4_096),
  compatibility: oneOf('none', 'none', 'hashring', 'libketama', 'twemproxy', 'libmemcached'),
};

/**
 * Which of some servers owns a key. Servers that come or go move only their own keys (exactly so
 * with `compatibility: 'none'`), and a rebuild costs what changed. A lookup is a hash and one or
 * two steps, and allocates nothing.
 */
export class KeyRing {
  readonly #hash: (key: RoutingKey) => number;
  readonly #builder: RingBuilder;
  readonly #vnodes: number;
  readonly #compatibility: KetamaCompatibility;
  #ring: Ring;
  #servers: readonly RingServer[] = [];

  constructor(options?: KeyRingOptions) {
    const { hash, vnodes, compatibility } = readOptions<Required<KeyRingOptions>>('key ring', options, keyRingSchema);
    this.#hash = hash === 'ketama' ? md5Word : murmurOf;
    this.#builder = new RingBuilder(pointsOf(hash, compatibility));
    this.#vnodes = vnodes;
    this.#compatibility = compatibility;
    this.#ring = this.#builder.build([]);
  }

  /**
   * Takes the servers as they are now; the lookups return indices into this list. Sort it: where
   * two servers have the same point, the earlier one owns it.
   */
  update(servers: readonly KeyRingServer[]): void {
    finish(this.updateInSteps(servers));
  }

  /**
   * The same for long lists, in steps of one to three milliseconds, between which other work can be
   * done: one for every 200 new servers, and a few for every 1,600 of the list. The ring is the old
   * one until the last, and no other update may begin before.
   */
  *updateInSteps(servers: readonly KeyRingServer[]): Generator<void, void> {
    const weights = servers.map((server) => server.weight);
    const counts = labelCounts(weights, this.#vnodes, this.#compatibility);
    const labelled = withLabels(servers, counts, this.#servers);
    this.#ring = yield* this.#builder.steps(labelled);
    this.#servers = labelled;
  }

  /** The ring itself, for callers that walk it. Replaced by `update`. */
  get ring(): Ring {
    return this.#ring;
  }

  /** Where a key lies on the ring: a signed 32-bit number. */
  hash(key: RoutingKey): number {
    return this.#hash(key);
  }

  /** The number of the key's owner, -1 for no servers at all. */
  lookup(key: RoutingKey): number {
    return this.ownerOf(this.#hash(key));
  }

  /** The owner of a place on the ring, for keys that were hashed elsewhere. */
  ownerOf(hash: number): number {
    const { owners } = this.#ring;
    return owners.length === 0 ? -1 : owners[this.#ring.find(hash)]!;
  }

  /**
   * The first server from the key's place on that is accepted, -1 where none is: the owner while it
   * is well, and while it is not, for each key always the same other one. Others' keys stay where
   * they are.
   */
  lookupAccepted(key: RoutingKey, accept: (server: number) => boolean): number {
    const ring = this.#ring;
    const { owners } = ring;
    if (owners.length === 0) return -1;
    let position = ring.find(this.#hash(key));
    for (let steps = 0; steps < owners.length; steps++) {
      if (accept(owners[position]!)) return owners[position]!;
      position = ring.next(position);
    }
    return -1;
  }
}

/** Those of the list before, where they have as many labels: of a long one most have. */
function withLabels(
  servers: readonly KeyRingServer[],
  counts: readonly number[],
  before: readonly RingServer[],
): readonly RingServer[] {
  const labelled: RingServer[] = new Array(servers.length);
  const places = new PlacesBefore(before, servers);
  for (let at = 0; at < labelled.length; at++) {
    const labels = counts[at]!;
    const known = before[places.of(at)];
    labelled[at] = known?.labels === labels ? known : { id: servers[at]!.id, labels };
  }
  return labelled;
}

function pointsOf(hash: 'ketama' | 'murmur3', compatibility: KetamaCompatibility): PointSource {
  if (hash === 'murmur3') return murmurPoints;
  return compatibility === 'hashring' ? hashringPoints : ketamaPoints;
}

const murmurOf = (key: RoutingKey): number => murmur3(key, 0);
