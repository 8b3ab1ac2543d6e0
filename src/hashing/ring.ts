/**
 * A hash ring: points on a circle of 32-bit numbers, each owned by one server; a hash belongs to
 * the first point at or after it. From Karger and others, "Consistent Hashing and Random Trees"
 * (STOC 1997). Immutable.
 *
 * Servers are numbers from 0. Points lie sorted in typed arrays with an index by their leading
 * bits, so that a search is one or two steps at any size.
 */
export class Ring {
  /** Sorted. */
  readonly points: Uint32Array;
  /** Whose the points are. */
  readonly owners: Uint32Array;
  /** For each value of the leading bits, the first position at or after it. */
  readonly #starts: Uint32Array;
  readonly #shift: number;

  private constructor(points: Uint32Array, owners: Uint32Array, starts: Uint32Array, shift: number) {
    this.points = points;
    this.owners = owners;
    this.#starts = starts;
    this.#shift = shift;
  }

  /** A ring of sorted points; yields after every `step` of them that are indexed. */
  static *of(points: Uint32Array, owners: Uint32Array, step: number): Generator<void, Ring> {
    const bits = Math.min(Math.max(Math.round(Math.log2(points.length)), 1), MAX_INDEX_BITS);
    const starts = new Uint32Array(2 ** bits);
    const shift = 32 - bits;
    let filled = 0;
    for (let at = 0; at < points.length; at += step) {
      filled = indexPart(points, at, Math.min(at + step, points.length), starts, shift, filled);
      if (points.length > step) yield;
    }
    return new Ring(points, owners, starts.fill(points.length, filled), shift);
  }

  /**
   * The position of a hash's owner. Hashes may be signed or unsigned: they travel as signed 32-bit
   * integers, which V8 keeps out of the heap, and are compared unsigned. The ring must not be
   * empty.
   */
  find(hash: number): number {
    const { points } = this;
    const value = hash >>> 0;
    let at = this.#starts[value >>> this.#shift]!;
    while (at < points.length && points[at]! < value) at++;
    return at === points.length ? 0 : at;
  }

  /** The position after, around the circle. */
  next(position: number): number {
    return position + 1 === this.points.length ? 0 : position + 1;
  }
}

/** 2^22 buckets, 16 MB, serve rings of up to 8 million points. */
const MAX_INDEX_BITS = 22;

/** Of the buckets, those before `filled` are done; returns how many are after this part. */
function indexPart(
  points: Uint32Array,
  from: number,
  end: number,
  starts: Uint32Array,
  shift: number,
  filled: number,
): number {
  let to = filled;
  for (let at = from; at < end; at++) {
    const bucket = points[at]! >>> shift;
    while (to <= bucket) starts[to++] = at;
  }
  return to;
}
