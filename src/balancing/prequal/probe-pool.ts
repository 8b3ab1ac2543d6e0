import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Random } from '../../runtime/random.js';
import { type Oddities, Oddity } from '../oddities.js';

/** An endpoint that may be asked, and where its answer is. */
export interface Candidate {
  readonly endpoint: Endpoint;
  /** The share of its answers that are kept: its weight by the heaviest's, in 2^30ths. */
  share: number;
  /** Its place in the pool, -1 while it has no answer. */
  place: number;
}

/**
 * The answers to probes that may still be used: at most one per endpoint, the newer in place of the
 * older. In parallel arrays, so that nothing is allocated per answer and a search reads one array
 * of numbers. The order in them means nothing.
 *
 * Weights decide how many of an endpoint's answers are kept. Were it decided by call whether an
 * answer counts, one that lives for five calls would have five chances, and a light endpoint nearly
 * as many calls as a heavy one.
 */
export class ProbePool {
  readonly #random: Random;
  readonly #oddities: Oddities | undefined;
  readonly #hotQuantile: number;
  /** As long as it may become; the first `size` count. */
  readonly #candidates: (Candidate | undefined)[];
  #size = 0;
  readonly #inflights: Int32Array;
  readonly #latenciesMs: Float64Array;
  readonly #arrivedAtMs: Float64Array;
  readonly #uses: Int32Array;
  /**
   * The lower the better: the latency of a cold one; for a hot one its calls in progress, beyond
   * any latency.
   */
  readonly #scores: Float64Array;
  /** Room to find a quantile in. */
  readonly #highest: Int32Array;
  /** No answer is older than this; in an array, as doubles in fields of their own are boxed. */
  readonly #oldestMs = new Float64Array(1);
  /** More calls in progress than this are many. */
  #hotAbove: number;
  #answersSince = 0;
  #usesPerAnswer = 1;

  constructor(capacity: number, hotQuantile: number, random: Random, oddities?: Oddities) {
    this.#random = random;
    this.#oddities = oddities;
    this.#hotQuantile = hotQuantile;
    this.#hotAbove = hotQuantile === 0 ? ALL_HOT : 0;
    this.#candidates = new Array<Candidate | undefined>(capacity).fill(undefined);
    this.#inflights = new Int32Array(capacity);
    this.#latenciesMs = new Float64Array(capacity);
    this.#arrivedAtMs = new Float64Array(capacity);
    this.#uses = new Int32Array(capacity);
    this.#scores = new Float64Array(capacity);
    this.#highest = new Int32Array(capacity);
  }

  /** Its answers, as they are, with candidates and draws of its own. */
  copy(random: Random): ProbePool {
    const copy = new ProbePool(this.#inflights.length, this.#hotQuantile, random);
    for (let i = 0; i < this.#size; i++) copy.#candidates[i] = { ...this.#candidates[i]!, place: i };
    copy.#size = this.#size;
    copy.#inflights.set(this.#inflights);
    copy.#latenciesMs.set(this.#latenciesMs);
    copy.#arrivedAtMs.set(this.#arrivedAtMs);
    copy.#uses.set(this.#uses);
    copy.#scores.set(this.#scores);
    copy.#oldestMs.set(this.#oldestMs);
    copy.#hotAbove = this.#hotAbove;
    copy.#answersSince = this.#answersSince;
    copy.#usesPerAnswer = this.#usesPerAnswer;
    return copy;
  }

  /** The answer of an endpoint that may be used still, if there is one. */
  answerOf(endpoint: Endpoint): Answer | undefined {
    const place = this.#candidates.findIndex((candidate) => candidate?.endpoint === endpoint);
    if (place === -1) return undefined;
    const inflight = this.#inflights[place]!;
    return {
      inflight,
      latencyMs: this.#latenciesMs[place]!,
      arrivedAtMs: this.#arrivedAtMs[place]!,
      hot: inflight > this.#hotAbove,
      score: this.#scores[place]!,
    };
  }

  get size(): number {
    return this.#size;
  }

  /** The endpoints that may be picked now. Answers of others are forgotten. */
  retain(candidates: readonly Candidate[], usesPerAnswer: number): void {
    const allowed = new Set(candidates);
    for (let i = this.#size - 1; i >= 0; i--) if (!allowed.has(this.#candidates[i]!)) this.#drop(i);
    const heaviest = candidates.reduce((most, { endpoint }) => Math.max(most, endpoint.weight), 0);
    for (const candidate of candidates) candidate.share = Math.round((candidate.endpoint.weight / heaviest) * WHOLE);
    this.#usesPerAnswer = usesPerAnswer;
  }

  /** An answer that counts as of `at[0]`: a number passed by itself would be boxed. */
  add(candidate: Candidate, inflight: number, latencyMs: number, at: Float64Array): void {
    let { place } = candidate;
    if (candidate.share < WHOLE && this.#random.below(WHOLE) >= candidate.share) {
      if (place !== -1) this.#drop(place);
      return;
    }
    if (place === -1) {
      if (this.#size === this.#inflights.length) this.dropOldest();
      place = this.#size++;
      this.#candidates[place] = candidate;
      candidate.place = place;
    }
    this.#inflights[place] = inflight;
    this.#latenciesMs[place] = latencyMs;
    this.#arrivedAtMs[place] = at[0]!;
    // A fractional number of uses is rounded up or down at random, so that it is right on average.
    const whole = Math.floor(this.#usesPerAnswer);
    const rest = this.#usesPerAnswer - whole;
    this.#uses[place] = whole + (rest > 0 && this.#random.below(WHOLE) < rest * WHOLE ? 1 : 0);
    this.#answersSince++;
    this.#score(place);
  }

  /**
   * Forgets what is too old, and learns what many calls in progress are from each half a pool of
   * new answers.
   */
  refresh(at: Float64Array, maxAgeMs: number): void {
    if (at[0]! - this.#oldestMs[0]! > maxAgeMs) this.#expire(at, maxAgeMs);
    if (this.#answersSince * 2 < this.#size || this.#size === 0 || this.#hotQuantile === 0) return;
    this.#answersSince = 0;
    const before = this.#hotAbove;
    this.#hotAbove = this.#quantile();
    if (this.#hotAbove !== before) for (let i = 0; i < this.#size; i++) this.#score(i);
  }

  /**
   * The best answer of an endpoint not tried, -1 where there is none. Ties are broken by
   * where it starts.
   */
  best(tried: readonly Endpoint[] | undefined): number {
    const scores = this.#scores;
    const size = this.#size;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    let i = this.#random.below(size);
    for (let step = 0; step < size; step++) {
      const score = scores[i]!;
      if (score < least && (tried === undefined || !tried.includes(this.#candidates[i]!.endpoint))) {
        least = score;
        best = i;
      }
      i = i + 1 === size ? 0 : i + 1;
    }
    return best;
  }

  /**
   * Takes an answer for a call. It serves again, as if the call were in progress there, until it is
   * used up.
   */
  use(place: number): Endpoint {
    const { endpoint } = this.#candidates[place]!;
    const uses = this.#uses[place]! - 1;
    this.#uses[place] = uses;
    this.#inflights[place] = this.#inflights[place]! + 1;
    if (uses <= 0) this.#drop(place);
    else this.#score(place);
    return endpoint;
  }

  dropOldest(): void {
    const arrivedAtMs = this.#arrivedAtMs;
    let oldest = 0;
    for (let i = 1; i < this.#size; i++) if (arrivedAtMs[i]! < arrivedAtMs[oldest]!) oldest = i;
    this.#oldestMs[0] = arrivedAtMs[oldest]!;
    this.#drop(oldest);
  }

  dropWorst(): void {
    const scores = this.#scores;
    let worst = 0;
    for (let i = 1; i < this.#size; i++) if (scores[i]! > scores[worst]!) worst = i;
    this.#drop(worst);
  }

  #score(place: number): void {
    const inflight = this.#inflights[place]!;
    this.#scores[place] = inflight > this.#hotAbove ? HOT + inflight : this.#latenciesMs[place]!;
  }

  #expire(at: Float64Array, maxAgeMs: number): void {
    const nowMs = at[0]!;
    const before = this.#size;
    let oldestMs = nowMs;
    for (let i = this.#size - 1; i >= 0; i--) {
      if (nowMs - this.#arrivedAtMs[i]! > maxAgeMs) this.#drop(i);
      else oldestMs = Math.min(oldestMs, this.#arrivedAtMs[i]!);
    }
    this.#oldestMs[0] = oldestMs;
    this.#oddities?.count(Oddity.stale, before - this.#size);
  }

  /**
   * The quantile of calls in progress over the pool. Sorts only what lies above it: three of
   * sixteen, by default.
   */
  #quantile(): number {
    const highest = this.#highest;
    const size = this.#size;
    // Below 1 it is never the highest: also of three answers one can be hot.
    const wanted = size - Math.floor(this.#hotQuantile * (size - 1));
    let found = 0;
    for (let i = 0; i < size; i++) {
      const inflight = this.#inflights[i]!;
      if (found === wanted && inflight <= highest[found - 1]!) continue;
      let at = found < wanted ? found++ : found - 1;
      for (; at > 0 && highest[at - 1]! < inflight; at--) highest[at] = highest[at - 1]!;
      highest[at] = inflight;
    }
    return highest[wanted - 1]!;
  }

  #drop(place: number): void {
    const candidates = this.#candidates;
    const last = --this.#size;
    candidates[place]!.place = -1;
    if (place !== last) {
      const moved = candidates[last]!;
      moved.place = place;
      candidates[place] = moved;
      this.#inflights[place] = this.#inflights[last]!;
      this.#latenciesMs[place] = this.#latenciesMs[last]!;
      this.#arrivedAtMs[place] = this.#arrivedAtMs[last]!;
      this.#uses[place] = this.#uses[last]!;
      this.#scores[place] = this.#scores[last]!;
    }
    candidates[last] = undefined;
  }
}

/** What an endpoint said of itself, for display. */
export interface Answer {
  readonly inflight: number;
  readonly latencyMs: number;
  readonly arrivedAtMs: number;
  /** Its calls in progress are many. */
  readonly hot: boolean;
  readonly score: number;
}

const ALL_HOT = -1;
/**
 * Above any latency: 35,000 years in milliseconds. With calls in progress added it is still exact.
 */
const HOT = 2 ** 50;
const WHOLE = 2 ** 30;
