import type { Pairs } from './radix-sort.js';
import type { Ring } from './ring.js';
import type { Steps } from './steps.js';

/**
 * One pass over the old ring: what stayed goes over under its new number, what is new goes in
 * between. `moved` says where each old owner is now, below 0 for gone; `fresh` is sorted by point
 * and owner. Yields after every `step` old points.
 */
export function* mergePoints(old: Ring, moved: Int32Array, fresh: Pairs, step: number): Steps<Pairs> {
  if (old.points.length === 0) return fresh;
  const merge = new Merge(old, moved, fresh);
  const { length } = old.points;
  for (let at = 0; at < length; at += step) {
    merge.count(at, Math.min(at + step, length));
    if (length > step) yield;
  }
  merge.begin();
  for (let at = 0; at < length; at += step) {
    merge.take(at, Math.min(at + step, length));
    if (length > step) yield;
  }
  return merge.end();
}

class Merge {
  readonly #old: Ring;
  readonly #moved: Int32Array;
  readonly #fresh: Pairs;
  #length: number;
  #points: Uint32Array = new Uint32Array(0);
  #owners: Uint32Array = new Uint32Array(0);
  #to = 0;
  #from = 0;

  constructor(old: Ring, moved: Int32Array, fresh: Pairs) {
    this.#old = old;
    this.#moved = moved;
    this.#fresh = fresh;
    this.#length = fresh.keys.length;
  }

  count(from: number, end: number): void {
    const { owners } = this.#old;
    const moved = this.#moved;
    let stayed = 0;
    for (let at = from; at < end; at++) if (moved[owners[at]!]! >= 0) stayed++;
    this.#length += stayed;
  }

  begin(): void {
    this.#points = new Uint32Array(this.#length);
    this.#owners = new Uint32Array(this.#length);
  }

  take(start: number, end: number): void {
    const { points: oldPoints, owners: oldOwners } = this.#old;
    const { keys, values } = this.#fresh;
    const moved = this.#moved;
    const points = this.#points;
    const owners = this.#owners;
    let to = this.#to;
    let from = this.#from;
    let nextFresh = from < keys.length ? keys[from]! : Number.POSITIVE_INFINITY;
    for (let at = start; at < end; at++) {
      const owner = moved[oldOwners[at]!]!;
      if (owner < 0) continue;
      const point = oldPoints[at]!;
      while (nextFresh < point || (nextFresh === point && values[from]! < owner)) {
        points[to] = nextFresh;
        owners[to++] = values[from]!;
        nextFresh = ++from < keys.length ? keys[from]! : Number.POSITIVE_INFINITY;
      }
      points[to] = point;
      owners[to++] = owner;
    }
    this.#to = to;
    this.#from = from;
  }

  end(): Pairs {
    this.#points.set(this.#fresh.keys.subarray(this.#from), this.#to);
    this.#owners.set(this.#fresh.values.subarray(this.#from), this.#to);
    return { keys: this.#points, values: this.#owners };
  }
}
