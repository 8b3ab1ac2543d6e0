import type { Endpoint } from '../endpoint/endpoint.js';
import type { Random } from '../runtime/random.js';
import { type Oddities, Oddity } from './oddities.js';

const NO_COLUMNS = new Int32Array(0);
const NO_WEIGHTS = new Float64Array(0);

/**
 * Draws endpoints at random in proportion to their weights, in O(1): the alias method (Walker 1977)
 * as built by Vose ("A Linear Algorithm For Generating Random Numbers With a Given Distribution",
 * IEEE TSE 17(9), 1991). With equal weights it is one plain draw.
 */
export class WeightedSampler {
  /** Of the endpoints. */
  meanWeight = 1;
  readonly #random: Random;
  /** Draws that came to nothing; undefined where they are not counted. */
  readonly #oddities: Oddities | undefined;
  #endpoints: readonly Endpoint[] = [];
  #equal = true;
  /** Probability of keeping column i, in 2^30ths. With equal weights there are no columns. */
  #keep: Int32Array = NO_COLUMNS;
  /** Who has the rest of column i. */
  #alias: Int32Array = NO_COLUMNS;
  /** Room to build in. */
  #scaled: Float64Array = NO_WEIGHTS;
  #columns: Int32Array = NO_COLUMNS;

  constructor(random: Random, oddities?: Oddities) {
    this.#random = random;
    this.#oddities = oddities;
  }

  /** The same draws, until either changes, from another stream of random numbers; not counted. */
  over(random: Random): WeightedSampler {
    const copy = new WeightedSampler(random);
    copy.meanWeight = this.meanWeight;
    copy.#endpoints = this.#endpoints;
    copy.#equal = this.#equal;
    copy.#keep = this.#keep;
    copy.#alias = this.#alias;
    return copy;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  /** Takes endpoints with their weights in use, or with others. */
  update(endpoints: readonly Endpoint[], weights?: Float64Array): void {
    this.#endpoints = endpoints;
    this.#keep = NO_COLUMNS;
    this.reweigh(weights ?? Float64Array.from(endpoints, ({ weight }) => weight));
  }

  /**
   * The same endpoints with other weights, in the same order. O(n); allocates nothing, but for the
   * first weights that are not equal.
   */
  reweigh(weights: Float64Array): void {
    let total = 0;
    let equal = true;
    for (let i = 0; i < weights.length; i++) {
      total += weights[i]!;
      equal &&= weights[i] === weights[0];
    }
    this.meanWeight = total / weights.length;
    this.#equal = equal;
    if (!equal) this.#build(weights);
  }

  draw(): Endpoint {
    const endpoints = this.#endpoints;
    const column = this.#random.below(endpoints.length);
    if (this.#equal || this.#random.below(PRECISION) < this.#keep[column]!) return endpoints[column]!;
    return endpoints[this.#alias[column]!]!;
  }

  /** One that is not among `tried`, unless all are. */
  drawUntried(tried: readonly Endpoint[] | undefined): Endpoint {
    if (tried === undefined || tried.length === 0) return this.draw();
    for (let attempt = 0; attempt < MAX_REDRAWS; attempt++) {
      const endpoint = this.draw();
      if (!tried.includes(endpoint)) return endpoint;
      this.#oddities?.count(Oddity.tried);
    }
    return this.#scan(undefined, tried) ?? this.draw();
  }

  /**
   * One that is neither `first` nor tried, where there is one: comparing an endpoint with itself
   * would waste the choice.
   */
  drawOther(first: Endpoint, tried: readonly Endpoint[] | undefined): Endpoint {
    if (this.#endpoints.length === 1) return first;
    for (let attempt = 0; attempt < MAX_REDRAWS; attempt++) {
      const endpoint = this.drawUntried(tried);
      if (endpoint !== first) return endpoint;
      this.#oddities?.count(Oddity.same);
    }
    return this.#scan(first, tried) ?? first;
  }

  /**
   * One that is neither `other` nor tried, from a random place on; undefined where there is none.
   */
  #scan(other: Endpoint | undefined, tried: readonly Endpoint[] | undefined): Endpoint | undefined {
    this.#oddities?.count(Oddity.searched);
    const { length } = this.#endpoints;
    const start = this.#random.below(length);
    for (let step = 0; step < length; step++) {
      const endpoint = this.#endpoints[(start + step) % length]!;
      if (endpoint !== other && !tried?.includes(endpoint)) return endpoint;
    }
    return undefined;
  }

  #build(weights: Float64Array): void {
    const count = weights.length;
    if (this.#keep.length !== count) {
      this.#keep = new Int32Array(count);
      this.#alias = new Int32Array(count);
      this.#scaled = new Float64Array(count);
      this.#columns = new Int32Array(count);
    }
    const scaled = this.#scaled;
    const columns = this.#columns;
    // Columns with less than the mean are stacked from the front of one array, the others from its
    // end.
    let small = 0;
    let large = count;
    for (let i = 0; i < count; i++) {
      scaled[i] = weights[i]! / this.meanWeight;
      columns[scaled[i]! < 1 ? small++ : --large] = i;
    }
    this.#keep.fill(PRECISION);
    while (small > 0 && large < count) {
      const less = columns[--small]!;
      const more = columns[large]!;
      this.#keep[less] = Math.round(scaled[less]! * PRECISION);
      this.#alias[less] = more;
      scaled[more] = scaled[more]! + scaled[less]! - 1;
      if (scaled[more]! >= 1) continue;
      large++;
      columns[small++] = more;
    }
  }
}

/**
 * Probabilities are kept as integers in 2^30ths, the largest power of two that Random.below takes.
 */
const PRECISION = 2 ** 30;

/**
 * After this many draws that were all tried before, looking through the list is cheaper than
 * drawing on.
 */
const MAX_REDRAWS = 4;
