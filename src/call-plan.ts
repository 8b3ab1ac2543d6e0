import type { RoutingKey } from './balancing/policy.js';
import {
  type HedgeOverrides,
  overrideHedge,
  PERCENTILE_MIN_SAMPLES,
  PERCENTILE_WINDOW_MS,
  type ReadHedge,
} from './resilience/hedging.js';
import { LatencyPercentile } from './resilience/latency-percentile.js';
import type { ReadResilience } from './resilience/options.js';
import { overrideRetry, type ReadRetry, type RetryOverrides, readRetry } from './resilience/retry.js';
import { RetryBudget } from './resilience/retry-budget.js';
import type { Classify } from './resilience/verdict.js';
import {
  boolean,
  callback,
  given,
  invalidOption,
  number,
  optional,
  type Reader,
  readOptions,
  text,
} from './runtime/options.js';

export interface CallOptions {
  /** What to hash by, or to be sticky by. Default: none. */
  readonly key?: RoutingKey | undefined;
  /** The id of the endpoint to use, if it may be: as `AcquireRequest.prefer`. Default: none. */
  readonly prefer?: string | undefined;
  /** Whom limits per key count it for. Default: `key` where that is a string; with neither, none of them applies. */
  readonly clientKey?: string | undefined;
  /** Cancels the call: it rejects with FAIRLEAD_CANCELLED whose cause is the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The call, all waiting and repeating included, may last this long; milliseconds. Default: the service's, or none. */
  readonly deadlineMs?: number | undefined;
  /** Making it twice is as good as making it once: it may be repeated when it failed half-way, and hedged. Default: the service's, or false. */
  readonly idempotent?: boolean | undefined;
  /** `false`: no repeats. Options: over those of the service. Default: the service's. */
  readonly retry?: boolean | RetryOverrides | undefined;
  /** `false`: no hedging. Options: over those of the service, which must hedge. Default: the service's. */
  readonly hedge?: boolean | HedgeOverrides | undefined;
  /** Judges what `run` throws. Default: the service's `classify`. */
  readonly classify?: Classify | undefined;
}

/** The options of one call, read, over those of its service. */
export interface CallPlan {
  readonly key: RoutingKey | undefined;
  readonly prefer: string | undefined;
  readonly clientKey: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly deadlineMs: number | undefined;
  readonly idempotent: boolean;
  readonly retry: ReadRetry | undefined;
  readonly hedge: ReadHedge | undefined;
  readonly classify: Classify | undefined;
}

/** What happened to the calls of one service since it was made. */
export interface CallStats {
  /** Attempts after a failed one. */
  readonly retries: number;
  /** Repeats that would have been safe, but the budget was spent. */
  readonly retriesOutOfBudget: number;
  /** Attempts beside a slow one. */
  readonly hedges: number;
  /** Of these, how many answered first. */
  readonly hedgesWon: number;
  /** Hedges that were due, but the budget was spent. */
  readonly hedgesOutOfBudget: number;
  /** Calls refused here, by a limit or a breaker. */
  readonly refused: number;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What all calls of one service share: defaults, budgets, the percentile to hedge at. */
export class ServicePlan {
  readonly defaults: CallPlan;
  readonly retryBudget: RetryBudget;
  readonly hedgeBudget: RetryBudget | undefined;
  readonly percentile: LatencyPercentile | undefined;
  readonly stats: Mutable<CallStats> = {
    retries: 0,
    retriesOutOfBudget: 0,
    hedges: 0,
    hedgesWon: 0,
    hedgesOutOfBudget: 0,
    refused: 0,
  };

  constructor(options: ReadResilience) {
    const { deadlineMs, idempotent, retry, hedge } = options;
    this.defaults = {
      key: undefined,
      prefer: undefined,
      clientKey: undefined,
      signal: undefined,
      deadlineMs,
      idempotent,
      retry,
      hedge,
      classify: undefined,
    };
    // Also where repeats are off: a single call may switch them on.
    this.retryBudget = new RetryBudget(retry?.budget);
    this.hedgeBudget = hedge && new RetryBudget(hedge.budget);
    if (hedge?.percentile !== undefined) {
      this.percentile = new LatencyPercentile(hedge.percentile, PERCENTILE_WINDOW_MS, PERCENTILE_MIN_SAMPLES);
    }
  }

  /** Refuses bad options by an error that names them. */
  read(options: CallOptions | undefined): CallPlan {
    if (options === undefined) return this.defaults;
    const own = readOptions<Required<CallOptions>>('call', options, schema);
    const { defaults } = this;
    return {
      key: own.key,
      prefer: own.prefer,
      clientKey: own.clientKey ?? (typeof own.key === 'string' ? own.key : undefined),
      signal: own.signal,
      deadlineMs: own.deadlineMs ?? defaults.deadlineMs,
      idempotent: own.idempotent ?? defaults.idempotent,
      retry: this.#retry(own.retry),
      hedge: this.#hedge(own.hedge),
      classify: own.classify,
    };
  }

  /** A call begins. */
  deposit(nowMs: number): void {
    this.retryBudget.deposit(nowMs);
    this.hedgeBudget?.deposit(nowMs);
  }

  /** Milliseconds after which a call is hedged; undefined for not at all. */
  hedgeAfterMs(plan: CallPlan, nowMs: number): number | undefined {
    const { hedge } = plan;
    if (hedge === undefined || !plan.idempotent) return undefined;
    const live = hedge.percentile === undefined ? undefined : this.percentile?.valueMs(nowMs);
    return live ?? hedge.afterMs;
  }

  #retry(own: CallOptions['retry']): ReadRetry | undefined {
    const { retry } = this.defaults;
    if (own === undefined || own === true) return own === true ? (retry ?? DEFAULT_RETRY) : retry;
    return own === false ? undefined : overrideRetry(own, 'call.retry', retry ?? DEFAULT_RETRY);
  }

  #hedge(own: CallOptions['hedge']): ReadHedge | undefined {
    const { hedge } = this.defaults;
    if (own === undefined) return hedge;
    return own === false ? undefined : overrideHedge(own === true ? {} : own, 'call.hedge', hedge);
  }
}

const DEFAULT_RETRY: ReadRetry = readRetry({}, 'retry');

const flagOrOptions: Reader<never> = (value, name) => {
  if (value === undefined || typeof value === 'boolean' || (typeof value === 'object' && value !== null))
    return value as never;
  throw invalidOption(name, value, 'true, false or an object of options');
};

const schema = {
  key: given<RoutingKey>(),
  prefer: text(undefined),
  clientKey: (value: unknown, name: string): string | undefined => {
    if (value === undefined || typeof value === 'string') return value;
    throw invalidOption(name, value, 'a string');
  },
  signal: given<AbortSignal>(),
  deadlineMs: optional(number(0, 0, Number.MAX_SAFE_INTEGER)),
  idempotent: optional(boolean(false)),
  retry: flagOrOptions,
  hedge: flagOrOptions,
  classify: callback<Classify>(),
};
