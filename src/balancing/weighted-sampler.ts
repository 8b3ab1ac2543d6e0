import type { Endpoint } from '../endpoint/endpoint.js';
import type { Random } from '../runtime/random.js';

/**
 * Draws endpoints at random in proportion to their weights, in O(1): the alias method (Walker 1977) as built by Vose
 * ("A Linear Algorithm For Generating Random Numbers With a Given Distribution", IEEE TSE 17(9), 1991). With equal
 * weights it is one plain draw.
 */
export class WeightedSampler {
  /** Of the endpoints. */
  meanWeight = 1;
  readonly #random: Random;
  #endpoints: readonly Endpoint[] = [];
  /** Probability of keeping column i, in 2^30ths; empty where weights are equal. */
  #keep: Int32Array = new Int32Array(0);
  #alias: Int32Array = new Int32Array(0);

  constructor(random: Random) {
    this.#random = random;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  update(endpoints: readonly Endpoint[]): void {
    this.#endpoints = endpoints;
    this.meanWeight = endpoints.reduce((sum, { weight }) => sum + weight, 0) / endpoints.length;
    const first = endpoints[0]?.weight;
    if (endpoints.every((endpoint) => endpoint.weight === first)) {
      this.#keep = new Int32Array(0);
      return;
    }
    this.#build(endpoints);
  }

  draw(): Endpoint {
    const endpoints = this.#endpoints;
    const column = this.#random.below(endpoints.length);
    if (this.#keep.length === 0 || this.#random.below(PRECISION) < this.#keep[column]!) return endpoints[column]!;
    return endpoints[this.#alias[column]!]!;
  }

  /** One that is not among `tried`, unless all are. */
  drawUntried(tried: readonly Endpoint[] | undefined): Endpoint {
    if (tried === undefined || tried.length === 0) return this.draw();
    for (let attempt = 0; attempt < MAX_REDRAWS; attempt++) {
      const endpoint = this.draw();
      if (!tried.includes(endpoint)) return endpoint;
    }
    return this.#scan(undefined, tried) ?? this.draw();
  }

  /**
   * One that is neither `first` nor tried, where there is one: comparing an endpoint with itself would waste the choice.
   */
  drawOther(first: Endpoint, tried: readonly Endpoint[] | undefined): Endpoint {
    if (this.#endpoints.length === 1) return first;
    for (let attempt = 0; attempt < MAX_REDRAWS; attempt++) {
      const endpoint = this.drawUntried(tried);
      if (endpoint !== first) return endpoint;
    }
    return this.#scan(first, tried) ?? first;
  }

  /** One that is neither `other` nor tried, from a random place on; undefined where there is none. */
  #scan(other: Endpoint | undefined, tried: readonly Endpoint[] | undefined): Endpoint | undefined {
    const { length } = this.#endpoints;
    const start = this.#random.below(length);
    for (let step = 0; step < length; step++) {
      const endpoint = this.#endpoints[(start + step) % length]!;
      if (endpoint !== other && !tried?.includes(endpoint)) return endpoint;
    }
    return undefined;
  }

  #build(endpoints: readonly Endpoint[]): void {
    const count = endpoints.length;
    let total = 0;
    for (const endpoint of endpoints) total += endpoint.weight;
    const scaled = Float64Array.from(endpoints, (endpoint) => (endpoint.weight * count) / total);
    const keep = new Int32Array(count).fill(PRECISION);
    const alias = new Int32Array(count);
    const small: number[] = [];
    const large: number[] = [];
    for (let i = 0; i < count; i++) (scaled[i]! < 1 ? small : large).push(i);
    while (small.length > 0 && large.length > 0) {
      const less = small.pop()!;
      const more = large.pop()!;
      keep[less] = Math.round(scaled[less]! * PRECISION);
      alias[less] = more;
      scaled[more] = scaled[more]! + scaled[less]! - 1;
      (scaled[more]! < 1 ? small : large).push(more);
    }
    this.#keep = keep;
    this.#alias = alias;
  }
}

/** Probabilities are kept as integers in 2^30ths, the largest power of two that Random.below takes. */
const PRECISION = 2 ** 30;

/** After so many draws that were all tried before, looking through the list is cheaper than drawing on. */
const MAX_REDRAWS = 4;
