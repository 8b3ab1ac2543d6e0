import { PERCENTILE_MIN_SAMPLES, PERCENTILE_WINDOW_MS } from '../resilience/hedging.js';
import { LatencyPercentile } from '../resilience/latency-percentile.js';
import type { ResilienceSettings } from '../resilience/options.js';
import { RetryBudget } from '../resilience/retry-budget.js';
import type { Clock } from '../runtime/clock.js';
import { type CallOptions, type CallPlan, readCallOptions } from './options.js';
import type { CallScope } from './scope.js';
import { CallScopes } from './scopes.js';

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
  /** Calls that no endpoint served, and that resolved with their `fallback`. */
  readonly fallbacks: number;
  /** Calls that had not ended when the service closed, and were broken off. */
  readonly brokenOff: number;
}

/** The leases of a service that are not done. */
export interface CallsHeld {
  readonly count: number;
  /** Resolves when none is left, or after `limitMs`. */
  none(clock: Clock, limitMs: number): Promise<void>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** What all calls of one service share: defaults, budgets, the percentile to hedge at. */
export class ServicePlan {
  #options!: ResilienceSettings;
  /** Made by the first call, as are the budgets: what is called otherwise never needs them. */
  #defaults: CallPlan | undefined;
  #retryBudget: RetryBudget | undefined;
  #hedgeBudget: RetryBudget | undefined;
  #percentile: LatencyPercentile | undefined;
  /** At which percentile. */
  #hedgedAt: number | undefined;
  readonly stats: Mutable<CallStats> = {
    retries: 0,
    retriesOutOfBudget: 0,
    hedges: 0,
    hedgesWon: 0,
    hedgesOutOfBudget: 0,
    refused: 0,
    fallbacks: 0,
    brokenOff: 0,
  };

  /** Calls that have not ended. */
  readonly scopes: CallScopes = new CallScopes();

  constructor(options: ResilienceSettings) {
    this.reconfigure(options);
  }

  get defaults(): CallPlan {
    if (this.#defaults !== undefined) return this.#defaults;
    const { deadlineMs, idempotent, retry, hedge } = this.#options;
    this.#defaults = {
      key: undefined,
      prefer: undefined,
      labels: undefined,
      part: undefined,
      shadow: true,
      clientKey: undefined,
      signal: undefined,
      deadlineMs,
      idempotent,
      retry,
      hedge,
      classify: undefined,
      classifyResult: undefined,
      fallback: undefined,
    };
    return this.#defaults;
  }

  // Also where repeats are off: a single call may switch them on.
  get retryBudget(): RetryBudget {
    this.#retryBudget ??= new RetryBudget(this.#options.retry?.budget);
    return this.#retryBudget;
  }

  get hedgeBudget(): RetryBudget | undefined {
    const { hedge } = this.#options;
    if (hedge !== undefined) this.#hedgeBudget ??= new RetryBudget(hedge.budget);
    return this.#hedgeBudget;
  }

  get percentile(): LatencyPercentile | undefined {
    return this.#percentile;
  }

  /** Other options for the calls to come. What was counted for budgets stays. */
  reconfigure(options: ResilienceSettings): void {
    const { retry, hedge } = options;
    this.#options = options;
    this.#defaults = undefined;
    this.#retryBudget &&= new RetryBudget(retry?.budget, this.#retryBudget);
    this.#hedgeBudget &&= hedge && new RetryBudget(hedge.budget, this.#hedgeBudget);
    if (hedge?.percentile === this.#hedgedAt) return;
    this.#hedgedAt = hedge?.percentile;
    this.#percentile =
      this.#hedgedAt === undefined
        ? undefined
        : new LatencyPercentile(this.#hedgedAt, PERCENTILE_WINDOW_MS, PERCENTILE_MIN_SAMPLES);
  }

  /** Refuses bad options by an error that names them. */
  read(options: CallOptions | undefined): CallPlan {
    return options === undefined ? this.defaults : readCallOptions(options, this.defaults);
  }

  /** A call begins. */
  deposit(nowMs: number): void {
    this.retryBudget.deposit(nowMs);
    this.hedgeBudget?.deposit(nowMs);
  }

  /** The work of a call is over. */
  ended(scope: CallScope): void {
    scope.end();
    this.scopes.delete(scope);
  }

  /**
   * The service closes: waits for what is in progress, and breaks off what is left at the deadline.
   * What adapters hold by leases they break off themselves.
   */
  async end(clock: Clock, leases: CallsHeld, deadlineMs: number): Promise<void> {
    await Promise.all([leases.none(clock, deadlineMs), this.scopes.none(clock, deadlineMs)]);
    this.stats.brokenOff += this.scopes.breakOff() + leases.count;
  }

  /** Milliseconds after which a call is hedged; undefined for not at all. */
  hedgeAfterMs(plan: CallPlan, nowMs: number): number | undefined {
    const { hedge } = plan;
    if (hedge === undefined || !plan.idempotent) return undefined;
    const live = hedge.percentile === undefined ? undefined : this.percentile?.valueMs(nowMs);
    return live ?? hedge.afterMs;
  }
}
