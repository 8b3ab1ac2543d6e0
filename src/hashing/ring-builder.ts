import { PlacesBefore } from './places-before.js';
import { type Pairs, radixSort } from './radix-sort.js';
import { Ring } from './ring.js';
import { mergePoints } from './ring-merge.js';
import { finish, type Steps } from './steps.js';

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
  #ring: Ring = finish(Ring.of(new Uint32Array(0), new Uint32Array(0), STEP_POINTS));

  constructor(source: PointSource) {
    this.#source = source;
  }

  /**
   * Where two servers have the same point it belongs to the earlier one in the list. Ids are
   * unique.
   */
  build(servers: readonly RingServer[]): Ring {
    return finish(this.steps(servers));
  }

  /**
   * The same in steps of one to three milliseconds; nothing changes before the last. One at a time.
   */
  *steps(servers: readonly RingServer[]): Steps<Ring> {
    const { moved, arrived, inOrder } = this.#compare(servers);
    const none = arrived.length === 0 && servers.length === this.#servers.length;
    if (!none || !inOrder) {
      const fresh = yield* this.#freshPoints(servers, inOrder ? arrived : all(servers));
      const merged = yield* mergePoints(this.#ring, inOrder ? moved : moved.fill(GONE), fresh, STEP_POINTS);
      this.#ring = yield* Ring.of(merged.keys, merged.values, STEP_POINTS);
    }
    this.#servers = servers;
    return this.#ring;
  }

  #compare(servers: readonly RingServer[]): Comparison {
    const known = this.#servers;
    const moved = new Int32Array(known.length).fill(GONE);
    const arrived: number[] = [];
    const places = new PlacesBefore(known, servers);
    let last = -1;
    let inOrder = true;
    for (let index = 0; index < servers.length; index++) {
      const before = places.of(index);
      if (before === -1 || known[before]!.labels !== servers[index]!.labels) {
        arrived.push(index);
        continue;
      }
      moved[before] = index;
      inOrder &&= before > last;
      last = before;
    }
    return { moved, arrived, inOrder };
  }

  *#freshPoints(servers: readonly RingServer[], arrived: readonly number[]): Steps<Pairs> {
    const parts: ArrayLike<number>[] = [];
    let length = 0;
    let labels = 0;
    for (const index of arrived) {
      const server = servers[index]!;
      const part = this.#source(server);
      parts.push(part);
      length += part.length;
      labels += server.labels;
      if (labels < STEP_LABELS) continue;
      labels = 0;
      yield;
    }
    const keys = new Uint32Array(length);
    const values = new Uint32Array(length);
    let to = 0;
    for (let part = 0; part < parts.length; part++) {
      const points = parts[part]!;
      keys.set(points, to);
      values.fill(arrived[part]!, to, to + points.length);
      to += points.length;
    }
    return yield* radixSort({ keys, values }, STEP_POINTS);
  }
}

/** Where servers of the last ring are now, and which of those now were not in it like that. */
interface Comparison {
  readonly moved: Int32Array;
  readonly arrived: readonly number[];
  readonly inOrder: boolean;
}

const GONE = -1;

/** What takes one to three milliseconds: labels hashed, points passed over. */
const STEP_LABELS = 8_192;
const STEP_POINTS = 2 ** 18;

function all(servers: readonly RingServer[]): number[] {
  return servers.map((_, index) => index);
}
