import {
  described,
  fields,
  integer,
  isRecord,
  number,
  optional,
  positive,
  type Reader,
  readOptions,
} from '../runtime/options.js';
import { type RetryBudgetOptions, readRetryBudget } from './retry-budget.js';

export interface HedgeOverrides {
  /**
   * A second attempt is started when the first has not answered for this long; milliseconds; 0 to
   * 3,600,000.
   */
  readonly afterMs?: number | undefined;
  /** Attempts in flight at once at most. Default 2; 2 to 10. */
  readonly maxAttempts?: number;
}

export interface HedgeOptions extends HedgeOverrides {
  /**
   * Instead of a fixed delay: this percentile of the service's response times in the latest 30 s,
   * so that about 100 - percentile calls of a hundred are hedged; above 0 to below 100. While fewer
   * than 100 calls are known, `afterMs` applies if given, else there is no hedging. Default, with
   * no `afterMs`: 99.
   */
  readonly percentile?: number | undefined;
  /**
   * Shared by all calls of the service. Default: 10 % of the calls plus 10 per second, window 10 s.
   */
  readonly budget?: RetryBudgetOptions;
}

export interface HedgeSettings {
  readonly afterMs: number | undefined;
  readonly percentile: number | undefined;
  readonly maxAttempts: number;
  /** Not asked for: how idempotent calls are made where the service says nothing. */
  readonly implicit?: boolean;
}

export interface ServiceHedgeSettings extends HedgeSettings {
  readonly budget: Required<RetryBudgetOptions>;
}

/**
 * How far back a live percentile looks; milliseconds. Long enough for a tail, short enough to
 * follow the day.
 */
export const PERCENTILE_WINDOW_MS = 30_000;
/** A 99th percentile of fewer calls is just their maximum. */
export const PERCENTILE_MIN_SAMPLES = 100;

/** The share of the calls that may be hedged, where hedging is asked for. */
const HEDGED_RATIO = 0.1;

const delay = optional(number(0, 0, 3_600_000));

const readHedgeBudget: Reader<Required<RetryBudgetOptions>> = described(
  { ...readRetryBudget.about!, fallback: { ratio: HEDGED_RATIO } },
  (value, name) => readRetryBudget(isRecord(value ?? {}) ? { ratio: HEDGED_RATIO, ...(value as object) } : value, name),
);

export const readHedge: Reader<ServiceHedgeSettings> = fields<
  Omit<ServiceHedgeSettings, 'implicit'>,
  ServiceHedgeSettings
>(
  {
    afterMs: delay,
    percentile: optional(positive(99, 99.9999)),
    maxAttempts: integer(2, 2, 10),
    budget: readHedgeBudget,
  },
  (read) => ({ ...read, percentile: read.percentile ?? (read.afterMs === undefined ? 99 : undefined) }),
);

/**
 * What `idempotent` means where the service says nothing of hedging, here as for gRPC: no answer
 * for half a second, which is long for a healthy endpoint and short for a user, and the call is
 * made elsewhere as well. Three attempts survive two bad endpoints.
 */
export const implicitHedge: ServiceHedgeSettings = {
  ...readHedge({ afterMs: 500, maxAttempts: 3, budget: { ratio: 0.2 } }, 'hedge'),
  implicit: true,
};

/**
 * One call's own options over those of the service. One that says `false` switched it off, for its
 * calls too: an operator's document must not fail what the program asks for.
 */
export function overrideHedge(
  value: unknown,
  name: string,
  base: HedgeSettings | undefined,
): HedgeSettings | undefined {
  const read = readOptions<{ afterMs: number | undefined; maxAttempts: number | undefined }>(name, value, {
    afterMs: delay,
    maxAttempts: optional(integer(2, 2, 10)),
  });
  if (base === undefined) return undefined;
  return {
    afterMs: read.afterMs ?? base.afterMs,
    percentile: read.afterMs === undefined ? base.percentile : undefined,
    maxAttempts: read.maxAttempts ?? base.maxAttempts,
  };
}
