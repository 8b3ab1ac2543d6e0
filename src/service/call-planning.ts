import { firstEndpoint } from '../call/first-endpoint.js';
import { type RetrySettings, retryDelayMs } from '../resilience/retry.js';
import type { Repeat } from '../resilience/verdict.js';
import type { Service } from './contract.js';
import type { ServiceSettings } from './options.js';
import type { LiveService } from './service.js';

/**
 * For adapters that make the attempts of a call themselves by `acquire()`, which costs a third less
 * than `call()`: the service's own rules on repeats, its budget and its counters.
 */
export interface CallPlanning {
  /**
   * Whether `acquire()` alone can serve a call: no deadline, hedging, attempt timeout, waiting
   * line, shared store of sessions, or limit by key or over processes is configured. Where not, the
   * attempt has to run within `call()`.
   */
  readonly direct: boolean;
  /** Whether the service's calls are hedged, by its `hedge` or because all are idempotent. */
  readonly hedges: boolean;
  /** The service's `resilience.idempotent`. */
  readonly idempotent: boolean;
  /** Attempts that the service allows a call in all; 1 where it does not repeat. */
  readonly maxAttempts: number;
  /**
   * Resolves when a first attempt is to be made: there is an endpoint, `waitForReadyMs` passed, or
   * waiting is in vain, which the attempt then says. Also when the signal aborts. Never rejects.
   */
  firstEndpoint(signal: AbortSignal): Promise<void>;
  /** A call begins: pays into the budget of repeats. */
  begun(): void;
  /** Something else was answered in place of the service. */
  fellBack(): void;
  /**
   * An attempt failed: returns the milliseconds until the next one, paid from the budget and
   * counted; -1 for none.
   */
  nextDelayMs(failed: {
    readonly repeat: Repeat;
    readonly idempotent: boolean;
    readonly retryAfterMs: number | undefined;
    readonly attempts: number;
    readonly elsewhere: boolean;
  }): number;
}

/** Of a service of a mesh; it follows the options of the service where they change. Keep it. */
export function callPlanning(service: Service): CallPlanning {
  return new LivePlanning(service as LiveService);
}

class LivePlanning implements CallPlanning {
  readonly #live: LiveService;
  /** The options that the rest follows from. */
  #options: ServiceSettings;
  #hedges = false;
  #direct = false;

  constructor(live: LiveService) {
    this.#live = live;
    this.#options = live.options;
    this.#follow();
  }

  get hedges(): boolean {
    if (this.#options !== this.#live.options) this.#follow();
    return this.#hedges;
  }

  get direct(): boolean {
    if (this.#options !== this.#live.options) this.#follow();
    return this.#direct;
  }

  get idempotent(): boolean {
    return this.#live.options.resilience.idempotent;
  }

  get maxAttempts(): number {
    return this.#live.options.resilience.retry?.maxAttempts ?? 1;
  }

  firstEndpoint(signal: AbortSignal): Promise<void> {
    return firstEndpoint(this.#live, signal);
  }

  begun(): void {
    this.#live.plan.deposit(this.#live.clock.now());
  }

  fellBack(): void {
    this.#live.plan.stats.fallbacks++;
  }

  nextDelayMs(failed: Parameters<CallPlanning['nextDelayMs']>[0]): number {
    const { plan, clock, random, options } = this.#live;
    const { retry } = options.resilience;
    const delayMs = retry === undefined ? -1 : retryDelayMs(retry as RetrySettings, failed, random);
    if (delayMs < 0) return -1;
    if (plan.retryBudget.tryWithdraw(clock.now())) {
      plan.stats.retries++;
      return delayMs;
    }
    plan.stats.retriesOutOfBudget++;
    return -1;
  }

  #follow(): void {
    this.#options = this.#live.options;
    const { affinity, resilience } = this.#options;
    const { deadlineMs, hedge, retry, idempotent, limits } = resilience;
    // What `idempotent` brings by itself, and only there.
    this.#hedges = hedge !== undefined && (hedge.implicit !== true || idempotent);
    const sharedStore = affinity?.store !== undefined && 'load' in affinity.store;
    const keyed = limits.ratePerKey ?? limits.windowPerKey ?? limits.distributed;
    this.#direct =
      deadlineMs === undefined &&
      !this.#hedges &&
      retry?.attemptTimeoutMs === undefined &&
      limits.maxPending === 0 &&
      keyed === undefined &&
      !sharedStore;
  }
}
