import { FairleadError } from '../runtime/errors.js';
import { fields, integer, number, optional, positive, type Reader } from '../runtime/options.js';

export interface GradientLimitOptions {
  /** Calls in flight allowed at first. Default 20; 1 to 1,000,000. */
  readonly initial?: number;
  /** Never less. Default 20, or `max` where that is less; 1 to 1,000,000. */
  readonly min?: number;
  /** Never more. Default 200; 1 to 1,000,000. */
  readonly max?: number;
  /** Calls the long-term response time averages over. Default 600; 10 to 1,000,000. */
  readonly longWindow?: number;
  /**
   * How far a response time may exceed the long-term one before the limit shrinks. Default 1.5; 1
   * to 100.
   */
  readonly tolerance?: number;
  /** Calls that may queue at the server: how fast the limit grows. Default 4; 0 to 10,000. */
  readonly queueSize?: number;
  /** Weight of a new limit against the old. Default 0.2; above 0 to 1. */
  readonly smoothing?: number;
}

/**
 * Samples that are averaged plainly before the exponential average takes over: Netflix's constant.
 */
const WARMUP_SAMPLES = 10;
/**
 * How a long-term response time that is more than twice the latest comes down, per sample:
 * Netflix's constants.
 */
const DRIFT_RATIO = 2;
const DRIFT_DECAY = 0.95;
/** What a server's "too much" does to the limit: the decrease of Netflix's AIMDLimit. */
const OVERLOAD_BACKOFF = 0.9;

/**
 * How many calls in flight a service can bear, found out from its response times: Gradient2 of
 * Netflix's concurrency-limits. While times stay near their long-term average the limit grows by
 * `queueSize`; where they rise, the calls queue, and it shrinks with their ratio, halving at most:
 *
 *     gradient = clamp(tolerance · long / sample, 0.5, 1)
 *     limit    = (1 - smoothing) · limit + smoothing · (limit · gradient + queueSize)
 *
 * It stays as it is while less than half of it is used, as Netflix's does: unused room proves
 * nothing, and a few callers are no load. So `max` should be less than twice the calls that would
 * be too many. Where a service stays saturated for thousands of calls the long-term average
 * follows, and the limit creeps up again: `max` is what bounds it then.
 */
export class GradientLimit {
  readonly #options: Required<GradientLimitOptions>;
  #limit: number;
  #longMs = 0;
  #samples = 0;

  constructor(options?: GradientLimitOptions) {
    this.#options = readGradientLimit(options, 'adaptive');
    const { initial, min, max } = this.#options;
    this.#limit = Math.min(Math.max(initial, min), max);
  }

  /** Calls in flight allowed now; a whole number. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /** The long-term average of the response time; milliseconds. */
  get longMs(): number {
    return this.#longMs;
  }

  /** A call took `responseMs` while `inflight` calls were in flight, itself included. */
  sample(responseMs: number, inflight: number): void {
    // A clock too coarse to see the call would divide by zero.
    const sampleMs = Math.max(responseMs, 0.001);
    this.#average(sampleMs);
    if (inflight < this.#limit / 2) return;
    const { tolerance, queueSize, smoothing } = this.#options;
    const gradient = Math.max(0.5, Math.min(1, (tolerance * this.#longMs) / sampleMs));
    this.#set(this.#limit * (1 - smoothing) + smoothing * (this.#limit * gradient + queueSize));
  }

  /** The server said that it was too much. */
  overloaded(): void {
    this.#set(this.#limit * OVERLOAD_BACKOFF);
  }

  #average(sampleMs: number): void {
    const { longWindow } = this.#options;
    this.#samples++;
    if (this.#samples <= WARMUP_SAMPLES) {
      this.#longMs += (sampleMs - this.#longMs) / this.#samples;
    } else {
      const weight = 2 / (longWindow + 1);
      this.#longMs += (sampleMs - this.#longMs) * weight;
    }
    if (this.#longMs / sampleMs > DRIFT_RATIO) this.#longMs *= DRIFT_DECAY;
  }

  #set(limit: number): void {
    const { min, max } = this.#options;
    this.#limit = Math.min(Math.max(limit, min), max);
  }
}

interface GradientLimitSettings extends Required<Omit<GradientLimitOptions, 'min'>> {
  readonly min: number | undefined;
}

const DEFAULT_MIN = 20;

export const readGradientLimit: Reader<Required<GradientLimitOptions>> = fields(
  {
    initial: integer(20, 1, 1_000_000),
    min: optional(integer(20, 1, 1_000_000)),
    max: integer(200, 1, 1_000_000),
    longWindow: integer(600, 10, 1_000_000),
    tolerance: number(1.5, 1, 100),
    queueSize: number(4, 0, 10_000),
    smoothing: positive(0.2, 1),
  },
  ({ min: givenMin, ...read }: GradientLimitSettings, name) => {
    const min = givenMin ?? Math.min(DEFAULT_MIN, read.max);
    if (min <= read.max) return { ...read, min };
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `${name}.min is ${min}, more than max, ${read.max}.`);
  },
  '`min` is at most `max`',
);
