import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Random } from '../../runtime/random.js';

/**
 * The answers to probes that may still be used: at most one per endpoint, the newer in place of the older. In parallel
 * arrays, so that nothing is allocated per answer. The order in them means nothing.
 */
export class ProbePool {
  readonly #random: Random;
  readonly #hotQuantile: number;
  readonly #endpoints: Endpoint[] = [];
  readonly #inflights: Int32Array;
  readonly #latenciesMs: Float64Array;
  readonly #arrivedAtMs: Float64Array;
  readonly #uses: Int32Array;
  /** Room to find a quantile in. */
  readonly #sorted: Int32Array;
  #heaviest = 1;
  #usesPerAnswer = 1;

  constructor(capacity: number, hotQuantile: number, random: Random) {
    this.#random = random;
    this.#hotQuantile = hotQuantile;
    this.#inflights = new Int32Array(capacity);
    this.#latenciesMs = new Float64Array(capacity);
    this.#arrivedAtMs = new Float64Array(capacity);
    this.#uses = new Int32Array(capacity);
    this.#sorted = new Int32Array(capacity);
  }

  get size(): number {
    return this.#endpoints.length;
  }

  /** Forgets answers of endpoints that may not be picked any longer. */
  retain(ready: readonly Endpoint[], usesPerAnswer: number): void {
    const allowed = new Set(ready);
    for (let i = this.size - 1; i >= 0; i--) if (!allowed.has(this.#endpoints[i]!)) this.#drop(i);
    this.#heaviest = ready.reduce((most, { weight }) => Math.max(most, weight), 0);
    this.#usesPerAnswer = usesPerAnswer;
  }

  add(endpoint: Endpoint, inflight: number, latencyMs: number, nowMs: number): void {
    let at = this.#endpoints.indexOf(endpoint);
    if (at === -1) {
      if (this.size === this.#inflights.length) this.dropOldest();
      at = this.#endpoints.push(endpoint) - 1;
    }
    this.#inflights[at] = inflight;
    this.#latenciesMs[at] = latencyMs;
    this.#arrivedAtMs[at] = nowMs;
    // A fractional number of uses is rounded up or down at random, so that it is right on average.
    const whole = Math.floor(this.#usesPerAnswer);
    this.#uses[at] = whole + (this.#random.float() < this.#usesPerAnswer - whole ? 1 : 0);
  }

  expire(nowMs: number, maxAgeMs: number): void {
    for (let i = this.size - 1; i >= 0; i--) if (nowMs - this.#arrivedAtMs[i]! > maxAgeMs) this.#drop(i);
  }

  /**
   * The best answer of an endpoint not tried, -1 where there is none: cold ones by latency, then hot ones by calls in
   * progress. Equal ones are told apart by where the search starts.
   */
  best(tried: readonly Endpoint[] | undefined): number {
    const hotAbove = this.#hotAbove();
    const { size } = this;
    const start = this.#random.below(size);
    let best = -1;
    for (let step = 0; step < size; step++) {
      const i = (start + step) % size;
      const endpoint = this.#endpoints[i]!;
      if (tried?.includes(endpoint)) continue;
      // Passed over as often as its weight is below the heaviest's.
      const { weight } = endpoint;
      if (weight < this.#heaviest && this.#random.below(WHOLE) >= (weight / this.#heaviest) * WHOLE) continue;
      if (best === -1 || this.#isBetter(i, best, hotAbove)) best = i;
    }
    return best;
  }

  /** Takes an answer for a call. It serves again, as if the call were in progress there, until it is used up. */
  use(at: number): Endpoint {
    const endpoint = this.#endpoints[at]!;
    this.#inflights[at]!++;
    if (--this.#uses[at]! <= 0) this.#drop(at);
    return endpoint;
  }

  dropOldest(): void {
    let oldest = 0;
    for (let i = 1; i < this.size; i++) if (this.#arrivedAtMs[i]! < this.#arrivedAtMs[oldest]!) oldest = i;
    this.#drop(oldest);
  }

  dropWorst(): void {
    const hotAbove = this.#hotAbove();
    let worst = 0;
    for (let i = 1; i < this.size; i++) if (this.#isBetter(worst, i, hotAbove)) worst = i;
    this.#drop(worst);
  }

  #isBetter(a: number, b: number, hotAbove: number): boolean {
    const hotA = this.#inflights[a]! > hotAbove;
    const hotB = this.#inflights[b]! > hotAbove;
    if (hotA !== hotB) return hotB;
    return hotA ? this.#inflights[a]! < this.#inflights[b]! : this.#latenciesMs[a]! < this.#latenciesMs[b]!;
  }

  /** The quantile of calls in progress over the pool: an insertion sort, as there are few. */
  #hotAbove(): number {
    if (this.#hotQuantile === 0) return ALL_HOT;
    const sorted = this.#sorted;
    const { size } = this;
    for (let i = 0; i < size; i++) {
      const inflight = this.#inflights[i]!;
      let at = i;
      for (; at > 0 && sorted[at - 1]! > inflight; at--) sorted[at] = sorted[at - 1]!;
      sorted[at] = inflight;
    }
    // Below 1 it is never the highest: also of three answers one can be hot.
    return sorted[Math.floor(this.#hotQuantile * (size - 1))]!;
  }

  #drop(at: number): void {
    const last = this.size - 1;
    this.#endpoints[at] = this.#endpoints[last]!;
    this.#inflights[at] = this.#inflights[last]!;
    this.#latenciesMs[at] = this.#latenciesMs[last]!;
    this.#arrivedAtMs[at] = this.#arrivedAtMs[last]!;
    this.#uses[at] = this.#uses[last]!;
    this.#endpoints.pop();
  }
}

const ALL_HOT = -1;
const WHOLE = 2 ** 30;
