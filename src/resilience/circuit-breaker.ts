import { Backoff } from '../runtime/backoff.js';
import { fields, integer, number, type Reader } from '../runtime/options.js';
import { isFailure, Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { RollingCounts } from './rolling-counts.js';

export interface CircuitBreakerOptions {
  /** Failures in a row that open it. Default 5; 0 to 1,000,000; 0: a row does not matter. */
  readonly consecutiveFailures?: number;
  /**
   * Share of failed calls in the window that opens it. Default 0.5; above 0 to 1, or 0: the share
   * does not matter.
   */
  readonly failureRatio?: number;
  /** Calls the window must hold before its share counts. Default 20; 1 to 1,000,000. */
  readonly minimumCalls?: number;
  /**
   * How long a call counts, in the share and in a row; milliseconds. Default 10,000; 100 to
   * 3,600,000.
   */
  readonly windowMs?: number;
  /**
   * How long it stays open before a probe, the first time; milliseconds. Default 1,000; 1 to
   * 3,600,000.
   */
  readonly openMs?: number;
  /** Each failed probe doubles that, up to this; milliseconds. Default 30,000; 1 to 86,400,000. */
  readonly maxOpenMs?: number;
  /**
   * Up to this share is added at random, so that clients do not all probe together. Default 0.1; 0
   * to 1.
   */
  readonly jitterRatio?: number;
}

export type CircuitState = 'closed' | 'open' | 'half_open';
export type CircuitReason = 'consecutive_failures' | 'failure_ratio' | 'probe_due' | 'probe_failed' | 'probe_succeeded';

export interface CircuitChange {
  readonly from: CircuitState;
  readonly to: CircuitState;
  readonly reason: CircuitReason;
}

/**
 * A circuit breaker (Nygard, "Release It!", 2007). Closed, it lets calls pass and counts them.
 * Open, it refuses them at once, which spares the caller the wait and the server the load.
 *
 * ## Trip Conditions
 *
 * - `consecutiveFailures` failures in a row, all within `windowMs`; or
 * - a share of at least `failureRatio` failed calls in the window, once it holds `minimumCalls`.
 *
 * What is counted empties with time, on reading as on writing: an hour of success does not hide an
 * outage that follows an hour of silence, and failures from before the silence open nothing.
 *
 * Errors of the application and cancelled calls are not failures. OVERLOADED is not one while
 * closed (refusing everything is not an answer to "a little less"), but it fails a probe.
 *
 * ## Recovery Conditions
 *
 * After a pause of `openMs` it is half open: one call passes as a probe and its outcome decides.
 * Success closes the breaker. Failure opens it again, each time for twice as long, up to
 * `maxOpenMs`. After a cancelled probe the next call is the probe.
 *
 * Cost: O(1), no allocation but on a change of state. Holds no timer.
 */
export class CircuitBreaker {
  readonly #options: Required<CircuitBreakerOptions>;
  readonly #random: Random;
  readonly #changed: ((change: CircuitChange) => void) | undefined;
  /** First: all calls. Second: the failed ones. */
  readonly #counts: RollingCounts;
  #state: CircuitState = 'closed';
  #epoch = 0;
  #row = 0;
  #rowBeganMs = 0;
  /** How long it stays open; the jitter, which only lengthens, is its own. */
  readonly #pauses: Backoff;
  #probeAtMs = 0;
  /** Until when the probe in progress keeps others out; -Infinity where there is none. */
  #probingUntilMs = Number.NEGATIVE_INFINITY;

  /** `changed` is called after each change of state; it must not throw. */
  constructor(options: CircuitBreakerOptions, random: Random, changed?: (change: CircuitChange) => void) {
    this.#options = readCircuitBreaker(options, 'breaker');
    this.#random = random;
    const { openMs, maxOpenMs } = this.#options;
    this.#pauses = new Backoff(random, { baseMs: openMs, maxMs: Math.max(openMs, maxOpenMs), jitter: 0 });
    this.#changed = changed;
    this.#counts = new RollingCounts(this.#options.windowMs);
  }

  /**
   * As of the latest call: an open breaker whose pause is over turns half open by the next
   * `tryAcquire`.
   */
  get state(): CircuitState {
    return this.#state;
  }

  /** Changes with the state. A call takes it along from `tryAcquire` to `record`. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether `tryAcquire` would let a call pass now. Changes nothing. */
  admits(nowMs: number): boolean {
    if (this.#state === 'closed') return true;
    return nowMs >= (this.#state === 'open' ? this.#probeAtMs : this.#probingUntilMs);
  }

  /**
   * 0 lets a call pass, which must be followed by `record`; else the milliseconds until one may.
   */
  tryAcquire(nowMs: number): number {
    if (this.#state === 'closed') return 0;
    if (this.#state === 'open') {
      if (nowMs < this.#probeAtMs) return this.#probeAtMs - nowMs;
      this.#change('half_open', 'probe_due');
    }
    if (nowMs < this.#probingUntilMs) return this.#probingUntilMs - nowMs;
    // A probe that never ends must not keep the circuit half open for ever: after a pause another
    // may go.
    this.#probingUntilMs = nowMs + this.#options.openMs;
    return 0;
  }

  /**
   * How a call ended that `tryAcquire` let pass at `epoch`. One from before a change of state says
   * nothing any more.
   */
  record(outcome: Outcome, nowMs: number, epoch: number): void {
    if (epoch !== this.#epoch) return;
    if (this.#state === 'half_open') this.#probed(outcome, nowMs);
    else if (this.#state === 'closed') this.#count(outcome, nowMs);
  }

  #count(outcome: Outcome, nowMs: number): void {
    if (outcome === Outcome.Cancelled || outcome === Outcome.Overloaded) return;
    const { consecutiveFailures, failureRatio, minimumCalls, windowMs } = this.#options;
    this.#counts.advance(nowMs);
    if (!isFailure(outcome)) {
      this.#counts.add(1, 0);
      this.#row = 0;
      return;
    }
    this.#counts.add(1, 1);
    if (this.#row === 0 || nowMs - this.#rowBeganMs > windowMs) {
      this.#row = 0;
      this.#rowBeganMs = nowMs;
    }
    this.#row++;
    const { first: calls, second: failures } = this.#counts;
    if (consecutiveFailures > 0 && this.#row >= consecutiveFailures) this.#open('consecutive_failures', nowMs);
    else if (failureRatio > 0 && calls >= minimumCalls && failures >= failureRatio * calls)
      this.#open('failure_ratio', nowMs);
  }

  #probed(outcome: Outcome, nowMs: number): void {
    this.#probingUntilMs = Number.NEGATIVE_INFINITY;
    if (outcome === Outcome.Cancelled) return;
    if (isFailure(outcome) || outcome === Outcome.Overloaded) {
      this.#open('probe_failed', nowMs);
      return;
    }
    this.#pauses.reset();
    this.#counts.clear();
    this.#row = 0;
    this.#change('closed', 'probe_succeeded');
  }

  #open(reason: CircuitReason, nowMs: number): void {
    this.#probeAtMs = nowMs + this.#pauses.next() * (1 + this.#options.jitterRatio * this.#random.float());
    this.#probingUntilMs = Number.NEGATIVE_INFINITY;
    this.#change('open', reason);
  }

  #change(to: CircuitState, reason: CircuitReason): void {
    const from = this.#state;
    this.#state = to;
    this.#epoch++;
    this.#changed?.({ from, to, reason });
  }
}

export const readCircuitBreaker: Reader<Required<CircuitBreakerOptions>> = fields<Required<CircuitBreakerOptions>>({
  consecutiveFailures: integer(5, 0, 1_000_000),
  failureRatio: number(0.5, 0, 1),
  minimumCalls: integer(20, 1, 1_000_000),
  windowMs: number(10_000, 100, 3_600_000),
  openMs: number(1_000, 1, 3_600_000),
  maxOpenMs: number(30_000, 1, 86_400_000),
  jitterRatio: number(0.1, 0, 1),
});
