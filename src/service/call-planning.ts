import { type RetrySettings, retryDelayMs } from '../resilience/retry.js';
import type { Repeat } from '../resilience/verdict.js';
import type { Service } from './contract.js';
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
  /** The service's `waitForReadyMs`. */
  readonly waitForReadyMs: number;
  /** A call begins: pays into the budget of repeats. */
  begun(): void;
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

/** Of a service of a mesh. The same object for each call of the service: keep it. */
export function callPlanning(service: Service): CallPlanning {
  const live = service as LiveService;
  const { plan, clock, random } = live;
  const { affinity, waitForReadyMs, resilience } = live.options;
  const { deadlineMs, hedge, retry, idempotent, limits } = resilience;
  // What `idempotent` brings by itself, and only there.
  const hedges = hedge !== undefined && (hedge.implicit !== true || idempotent);
  const sharedStore = affinity?.store !== undefined && 'load' in affinity.store;
  const keyed = limits.ratePerKey ?? limits.windowPerKey ?? limits.distributed;
  return {
    hedges,
    direct:
      deadlineMs === undefined &&
      !hedges &&
      retry?.attemptTimeoutMs === undefined &&
      limits.maxPending === 0 &&
      keyed === undefined &&
      !sharedStore,
    idempotent,
    maxAttempts: retry?.maxAttempts ?? 1,
    waitForReadyMs,
    begun: () => plan.deposit(clock.now()),
    nextDelayMs: (failed) => {
      const delayMs = retry === undefined ? -1 : retryDelayMs(retry as RetrySettings, failed, random);
      if (delayMs < 0) return -1;
      if (plan.retryBudget.tryWithdraw(clock.now())) {
        plan.stats.retries++;
        return delayMs;
      }
      plan.stats.retriesOutOfBudget++;
      return -1;
    },
  };
}
