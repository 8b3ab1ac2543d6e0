import { integer, number, type Schema } from '../../runtime/options.js';

/** From where on alerts are raised. Infinity switches a rule off, where it is allowed. */
export interface AlertLimits {
  /** Share of the judged calls of a look that fail; 0 to 1. Default 0.05. */
  readonly errorRatio?: number;
  /** Mean duration of the calls of a look; milliseconds. Default 1,000; 0 to Infinity. */
  readonly meanMs?: number;
  /** 99th percentile of the last ten seconds; milliseconds. Default 5,000; 0 to Infinity. */
  readonly p99Ms?: number;
  /**
   * With fewer judged calls in a look, neither errors nor latency are judged. Default 20; 1 to
   * 9,007,199,254,740,991.
   */
  readonly minCalls?: number;
  /**
   * Age of the list of endpoints while discovery fails; milliseconds. Default 60,000; 0 to
   * Infinity.
   */
  readonly discoveryAgeMs?: number;
  /** Ejections of a service within a minute. Default 10; 1 to Infinity. */
  readonly ejectionsPerMinute?: number;
  /** How far a replica of MySQL is behind; milliseconds. Default 10,000; 0 to Infinity. */
  readonly lagMs?: number;
}

export type LimitSettings = Required<AlertLimits>;

const INFINITE = Number.POSITIVE_INFINITY;

export const limitReaders: Schema<LimitSettings> = {
  errorRatio: number(0.05, 0, 1),
  meanMs: number(1_000, 0, INFINITE),
  p99Ms: number(5_000, 0, INFINITE),
  minCalls: integer(20, 1, Number.MAX_SAFE_INTEGER),
  discoveryAgeMs: number(60_000, 0, INFINITE),
  ejectionsPerMinute: number(10, 1, INFINITE),
  lagMs: number(10_000, 0, INFINITE),
};
