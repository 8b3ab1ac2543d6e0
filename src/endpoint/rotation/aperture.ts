import { hash32 } from '../../runtime/hash.js';
import type { LiveEndpoint } from '../live-endpoint.js';

/** Which of the clients this one is: 0 to `total` - 1. */
export interface Peer {
  readonly index: number;
  readonly total: number;
}

export interface ApertureOptions {
  /**
   * How many endpoints a client uses, at least, while there are as many. Default 12 (Finagle's); 1
   * to 1,000,000.
   */
  readonly size?: number;
  /**
   * Which of the clients this one is (a StatefulSet's ordinal and its replicas, say): then every
   * endpoint gets the same load. With `zone`, count among the clients of the zone. A function is
   * asked whenever the rotation is recomputed, and what it returned last stays where it throws
   * or returns nonsense. Default: none, and each client chooses at random.
   */
  readonly peer?: Peer | (() => Peer);
  /**
   * For the choice at random: the same identity chooses the same endpoints, over restarts too.
   * Default: another one in each process.
   */
  readonly identity?: string;
}

export interface ApertureSettings {
  readonly size: number;
  readonly peer: (() => Peer) | undefined;
  readonly identity: string | undefined;
}

/**
 * However many of its endpoints fail, an aperture grows to this many times its size and no further.
 */
const WIDEST = 2;

/**
 * Which endpoints this client uses at all, so that thousands of clients do not each connect to
 * thousands of endpoints.
 *
 * With a peer index, deterministically, as Finagle's deterministic aperture (Twitter's engineering
 * blog, 2019): endpoints lie around a ring, each on an arc as long as its share of the weights;
 * clients start at even distances on it and take as many whole steps of 1/total as cover `size`
 * endpoints. As each point is covered by the same number of clients, every endpoint has the same
 * load; one that lies half within the arc counts with half its weight.
 *
 * Without, by weighted rendezvous hashing (Thaler and Ravishankar, 1998): the `size` endpoints of
 * the highest scores. A departure moves no other endpoint; loads are even only as chance has it.
 *
 * Endpoints that are out because of their health do not count, so the aperture widens while they
 * are.
 */
export class Aperture {
  readonly #options: ApertureSettings;
  readonly #identity: string;
  #members: readonly LiveEndpoint[] | undefined;
  /** Around the ring, or by falling score. */
  #order: readonly LiveEndpoint[] = [];
  /** Where on the ring the arc of each ends, 0 to 1. */
  #ends: Float64Array = new Float64Array(0);
  #peer: Peer | undefined;

  constructor(options: ApertureSettings, identity: string) {
    this.#options = options;
    this.#identity = identity;
  }

  /**
   * The members that this client uses; sets how much of each. O(n log n) after a change of
   * membership, else O(n).
   */
  choose(members: readonly LiveEndpoint[]): readonly LiveEndpoint[] {
    const { size, peer } = this.#options;
    if (members !== this.#members) this.#sort(members);
    for (const endpoint of members) endpoint.arcShare = 1;
    if (members.length <= size) return members;
    const chosen = peer === undefined ? this.#best() : this.#arc(this.#askPeer(peer));
    // In the order of the members, which is the same for all clients.
    return members.filter((endpoint) => chosen.has(endpoint));
  }

  #sort(members: readonly LiveEndpoint[]): void {
    this.#members = members;
    const byPeer = this.#options.peer !== undefined;
    const place = new Map<LiveEndpoint, number>();
    for (const endpoint of members) {
      const { id, weight } = endpoint.spec;
      // By hash around the ring, so that neighbours there are not neighbours in a rack.
      place.set(endpoint, byPeer ? hash32(id) : rendezvousScore(this.#identity, id, weight));
    }
    const order = [...members].sort((a, b) => place.get(a)! - place.get(b)!);
    this.#order = byPeer ? order : order.reverse();
    if (!byPeer) return;
    const total = order.reduce((sum, { spec }) => sum + spec.weight, 0);
    let end = 0;
    this.#ends = Float64Array.from(order, ({ spec }) => {
      end += spec.weight;
      return end / total;
    });
  }

  #best(): Set<LiveEndpoint> {
    const { size } = this.#options;
    const chosen = new Set<LiveEndpoint>();
    let healthy = 0;
    for (const endpoint of this.#order) {
      if (healthy >= size || chosen.size >= size * WIDEST) break;
      chosen.add(endpoint);
      if (mayBeUsed(endpoint)) healthy++;
    }
    return chosen;
  }

  #askPeer(peer: () => Peer): Peer {
    try {
      const { index, total } = peer();
      if (isPeer(index, total)) this.#peer = { index, total };
    } catch {
      // The caller's function threw: what it returned before stays.
    }
    return this.#peer ?? { index: 0, total: 1 };
  }

  #arc({ index, total }: Peer): Set<LiveEndpoint> {
    const { size } = this.#options;
    const count = this.#order.length;
    let steps = Math.min(total, Math.max(1, Math.ceil((size / count) * total - ROUNDING)));
    for (;;) {
      const chosen = this.#cover(index / total, steps / total);
      const healthy = [...chosen].reduce((sum, endpoint) => sum + (mayBeUsed(endpoint) ? 1 : 0), 0);
      if (healthy >= size || steps >= total || chosen.size >= Math.max(size * WIDEST, count / total)) return chosen;
      steps++;
    }
  }

  #cover(start: number, width: number): Set<LiveEndpoint> {
    const chosen = new Set<LiveEndpoint>();
    for (const [index, share] of coverArc(this.#ends, start, width)) {
      const endpoint = this.#order[index]!;
      endpoint.arcShare = share;
      chosen.add(endpoint);
    }
    return chosen;
  }
}

/** One that waits for its first check is taken for healthy here: it is on its way. */
function mayBeUsed(endpoint: LiveEndpoint): boolean {
  return endpoint.state === 'ready' || endpoint.uncheckedBy > 0;
}

/**
 * Which arcs of a ring of circumference 1 lie within `width` from `start`, and how much of each.
 * `ends` says where each arc ends, rising to 1. O(log n + arcs covered).
 */
export function coverArc(ends: Float64Array, start: number, width: number): [index: number, share: number][] {
  const covered: [number, number][] = [];
  const count = ends.length;
  const first = firstEndAfter(ends, start);
  for (let step = 0; step <= count; step++) {
    const index = (first + step) % count;
    // Past the end of the ring it goes on at its beginning, one circumference further.
    const turn = first + step >= count ? 1 : 0;
    const from = (index === 0 ? 0 : ends[index - 1]!) + turn;
    const to = ends[index]! + turn;
    if (from >= start + width) break;
    const share = (Math.min(to, start + width) - Math.max(from, start)) / (to - from);
    if (share < ROUNDING) continue;
    const again = covered[0];
    // An arc that begins and ends within the same endpoint's arc covers two ends of it.
    if (again !== undefined && again[0] === index) again[1] = roundUp(again[1] + share);
    else covered.push([index, roundUp(share)]);
  }
  return covered;
}

function firstEndAfter(ends: Float64Array, start: number): number {
  let low = 0;
  let high = ends.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ends[middle]! > start) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** All but an error of the arithmetic is all. */
function roundUp(share: number): number {
  return share > 1 - ROUNDING ? 1 : share;
}

/** Overlaps below this are errors of the arithmetic. */
const ROUNDING = 1e-9;

export function isPeer(index: unknown, total: unknown): boolean {
  return (
    Number.isInteger(index) &&
    Number.isInteger(total) &&
    (index as number) >= 0 &&
    (index as number) < (total as number)
  );
}

/**
 * -weight / ln(u), u in (0, 1) from the hash of the pair: the higher, the better (Schindelhauer and
 * Schomaker, 2005).
 */
function rendezvousScore(identity: string, id: string, weight: number): number {
  const unit = (hash32(id, hash32(identity)) + 0.5) / 2 ** 32;
  return -weight / Math.log(unit);
}
