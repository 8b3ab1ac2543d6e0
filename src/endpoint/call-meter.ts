import { LATENCY_BUCKETS } from '../runtime/latency-counts.js';
import type { Outcome } from '../runtime/outcome.js';

/** What else is counted of an endpoint: not of the service, and not by windows. */
export const Extra = { retries: 0, hedges: 1, refused: 2, sentBytes: 3, receivedBytes: 4 } as const;
const EXTRAS = 5;

/** One for each outcome, and one for all of them. */
const OUTCOMES = 8;
const ALL = 7;

/**
 * What the calls of one endpoint, or of one service, came to while figures are read: how many ended
 * how, and how long they took. It only grows. 1.9 kB; a call costs some nanoseconds and allocates
 * nothing, as all of it is in typed arrays: a field that holds a fraction would be a heap object.
 */
export class CallMeter {
  /** Calls by outcome, and at the end their sum. */
  readonly outcomes: Float64Array = new Float64Array(OUTCOMES);
  /** Calls by the bucket of their duration, modulo 2³²: differences are right all the same. */
  readonly latency: Uint32Array = new Uint32Array(LATENCY_BUCKETS);
  /** Their durations together, in microseconds, and how many were timed. */
  readonly timed: Float64Array = new Float64Array(2);

  /** By `Extra`; copies and differences are without them. */
  readonly extras: Float64Array = new Float64Array(EXTRAS);

  /** `bucket` is that of `micros`; both are -1 where the call was not timed. */
  add(outcome: Outcome, micros: number, bucket: number): void {
    this.outcomes[outcome]!++;
    this.outcomes[ALL]!++;
    if (bucket < 0) return;
    this.latency[bucket]!++;
    this.timed[0]! += micros;
    this.timed[1]!++;
  }

  /** How many calls ended. */
  get calls(): number {
    return this.outcomes[ALL]!;
  }

  /** Becomes a copy of another. */
  copy(other: CallMeter): void {
    this.outcomes.set(other.outcomes);
    this.latency.set(other.latency);
    this.timed.set(other.timed);
  }

  /** Becomes what was added to `now` since it was as `then`. */
  difference(now: CallMeter, then: CallMeter): void {
    for (let i = 0; i < OUTCOMES; i++) this.outcomes[i] = now.outcomes[i]! - then.outcomes[i]!;
    for (let i = 0; i < LATENCY_BUCKETS; i++) this.latency[i] = now.latency[i]! - then.latency[i]!;
    for (let i = 0; i < 2; i++) this.timed[i] = now.timed[i]! - then.timed[i]!;
  }
}
