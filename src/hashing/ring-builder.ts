import { Ring } from './ring.js';

export interface RingServer {
  /** What its points are made of. */
  readonly id: string;
  /** How many labels it is hashed under; each adds the source's number of points. */
  readonly labels: number;
}

/**
 * Returns the points of one server: always the same ones for the same id, and those of fewer labels
 * among those of more.
 */
export type PointSource = (server: RingServer) => ArrayLike<number>;

/**
 * Builds rings one after the other, each from the last: points of servers that stayed are taken
 * over in one pass, only those of new ones are hashed and sorted. So a server that joins or leaves
 * a thousand costs a few milliseconds.
 */
export class RingBuilder {
  readonly #source: PointSource;
  #servers: readonly RingServer[] = [];
  #ring: Ring = new Ring(new Uint32Array(0), new Uint32Array(0));

  constructor(source: PointSource) {
    this.#source = source;
  }

  /**
   * Where two servers have the same point it belongs to the earlier one in the list. Ids are
   * unique.
   */
  build(servers: readonly RingServer[]): Ring {
    const previous = new Map(this.#servers.map((server, index) => [server.id, index]));
    const moved = new Int32Array(this.#servers.length).fill(GONE);
    const arrived: number[] = [];
    let last = -1;
    let inOrder = true;
    for (let index = 0; index < servers.length; index++) {
      const { id, labels } = servers[index]!;
      const before = previous.get(id);
      if (before === undefined || this.#servers[before]!.labels !== labels) {
        arrived.push(index);
        continue;
      }
      moved[before] = index;
      inOrder &&= before > last;
      last = before;
    }
    const none = arrived.length === 0 && servers.length === this.#servers.length;
    if (!none || !inOrder)
      this.#ring = this.#merge(servers, inOrder ? moved : moved.fill(GONE), inOrder ? arrived : all(servers));
    this.#servers = servers.map(({ id, labels }) => ({ id, labels }));
    return this.#ring;
  }

  #merge(servers: readonly RingServer[], moved: Int32Array, arrived: readonly number[]): Ring {
    const fresh = sortedPoints(arrived, (index) => this.#source(servers[index]!));
    return mergePoints(this.#ring, moved, fresh);
  }
}

/**
 * One pass over the old ring: what stayed goes over under its new number, what is new goes in
 * between.
 */
function mergePoints(old: Ring, moved: Int32Array, fresh: Float64Array): Ring {
  const { points: oldPoints, owners: oldOwners } = old;
  let to = oldPoints.length + fresh.length;
  for (let at = 0; at < oldOwners.length; at++) if (moved[oldOwners[at]!] === GONE) to--;
  const points = new Uint32Array(to);
  const owners = new Uint32Array(to);
  to = 0;
  let from = 0;
  let nextFresh = fresh.length === 0 ? Number.POSITIVE_INFINITY : fresh[0]!;
  for (let at = 0; at < oldPoints.length; at++) {
    const owner = moved[oldOwners[at]!]!;
    if (owner === GONE) continue;
    const point = oldPoints[at]!;
    while (nextFresh < point * OWNERS + owner) {
      points[to] = nextFresh / OWNERS;
      owners[to++] = nextFresh % OWNERS;
      nextFresh = ++from < fresh.length ? fresh[from]! : Number.POSITIVE_INFINITY;
    }
    points[to] = point;
    owners[to++] = owner;
  }
  for (; from < fresh.length; from++) {
    points[to] = fresh[from]! / OWNERS;
    owners[to++] = fresh[from]! % OWNERS;
  }
  return new Ring(points, owners);
}

const GONE = -1;

/**
 * A point and its owner in one double, point first: exact below 2^53, and doubles sort natively.
 */
const OWNERS = 2 ** 20;

function sortedPoints(owners: readonly number[], pointsOf: (owner: number) => ArrayLike<number>): Float64Array {
  const parts = owners.map(pointsOf);
  const packed = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let to = 0;
  for (const [part, owner] of owners.entries()) {
    const points = parts[part]!;
    for (let i = 0; i < points.length; i++) packed[to++] = points[i]! * OWNERS + owner;
  }
  return packed.sort();
}

function all(servers: readonly RingServer[]): number[] {
  return servers.map((_, index) => index);
}
