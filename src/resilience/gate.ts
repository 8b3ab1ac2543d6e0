import { refuseUnknown } from '../runtime/options.js';
import { Outcome } from '../runtime/outcome.js';
import type { TokenBucket } from '../runtime/token-bucket.js';
import type { CircuitBreaker } from './circuit-breaker.js';
import type { ClientThrottle } from './client-throttle.js';
import type { GradientLimit } from './gradient-limit.js';
import type { RefusalReason } from './refusal.js';

/** What a gate checks; what is undefined it does not. */
export interface GateParts {
  readonly maxInflight?: number | undefined;
  readonly adaptive?: GradientLimit | undefined;
  readonly breaker?: CircuitBreaker | undefined;
  readonly throttle?: ClientThrottle | undefined;
  readonly rate?: TokenBucket | undefined;
}

const PARTS: Readonly<Record<keyof GateParts, true>> = {
  maxInflight: true,
  adaptive: true,
  breaker: true,
  throttle: true,
  rate: true,
};

/**
 * All limits of one service, or of one endpoint, as one question: may a call pass now? A call that
 * passes must `leave`. O(1), no allocation. Adapters may use it by itself, for what is not a
 * service.
 */
export class Gate {
  #parts: GateParts;
  #inflight = 0;
  #refusedBy: RefusalReason = 'too_many_calls';
  /** EWMA of how long calls take, for an estimate of when the next one ends; milliseconds. */
  #meanMs = 0;

  /** Throws FAIRLEAD_INVALID_OPTION for parts that do not exist: they would limit nothing. */
  constructor(parts: GateParts) {
    refuseUnknown('gate', parts, PARTS);
    this.#parts = parts;
  }

  get parts(): GateParts {
    return this.#parts;
  }

  /** Checks by other parts from now on; calls in flight stay counted. */
  reconfigure(parts: GateParts): void {
    this.#parts = parts;
  }

  get inflight(): number {
    return this.#inflight;
  }

  /** Why the latest refused call was refused. */
  get refusedBy(): RefusalReason {
    return this.#refusedBy;
  }

  /** The breaker's epoch, to be handed to `leave`; 0 without a breaker. */
  get epoch(): number {
    return this.#parts.breaker?.epoch ?? 0;
  }

  /** Calls that may be in flight now; Infinity without a limit. */
  get limit(): number {
    const { maxInflight = Number.POSITIVE_INFINITY, adaptive } = this.#parts;
    return adaptive === undefined ? maxInflight : Math.min(maxInflight, adaptive.limit);
  }

  /**
   * 0 lets a call pass; else it is refused by `refusedBy`, and this is the milliseconds until it is
   * worth another try.
   */
  tryEnter(nowMs: number): number {
    const { rate, throttle, breaker } = this.#parts;
    if (this.#inflight >= this.limit) return this.#refuse('too_many_calls', this.nextEndMs);
    // Checks without side effects first: a refusal then has nothing to undo.
    const rateMs = rate === undefined ? 0 : rate.waitMs(nowMs);
    if (rateMs > 0) return this.#refuse('rate_limited', rateMs);
    const throttleMs = throttle === undefined ? 0 : throttle.tryAcquire(nowMs);
    if (throttleMs > 0) return this.#refuse('throttled', throttleMs);
    const breakerMs = breaker === undefined ? 0 : breaker.tryAcquire(nowMs);
    if (breakerMs > 0) {
      throttle?.record(Outcome.Cancelled, nowMs);
      return this.#refuse('circuit_open', breakerMs);
    }
    rate?.tryAcquire(nowMs);
    this.#inflight++;
    return 0;
  }

  /** What refuses a call now, but for the throttle, which is by chance. Changes nothing. */
  wouldRefuse(nowMs: number): RefusalReason | undefined {
    if (this.#inflight >= this.limit) return 'too_many_calls';
    if ((this.#parts.rate?.waitMs(nowMs) ?? 0) > 0) return 'rate_limited';
    return this.isShut(nowMs) ? 'circuit_open' : undefined;
  }

  /** Whether the breaker lets no call pass. Changes nothing. */
  isShut(nowMs: number): boolean {
    return this.#parts.breaker?.admits(nowMs) === false;
  }

  /** A call that passed at `enteredMs` ended. */
  leave(outcome: Outcome, nowMs: number, enteredMs: number, epoch: number): void {
    const { throttle, breaker, adaptive } = this.#parts;
    const tookMs = nowMs - enteredMs;
    if (outcome === Outcome.Overloaded) adaptive?.overloaded();
    else if (outcome === Outcome.Success || outcome === Outcome.ApplicationError || outcome === Outcome.Timeout)
      adaptive?.sample(tookMs, this.#inflight);
    this.#inflight--;
    this.#meanMs += (tookMs - this.#meanMs) * MEAN_WEIGHT;
    throttle?.record(outcome, nowMs);
    breaker?.record(outcome, nowMs, epoch);
  }

  /**
   * A call that passed at `nowMs` was not made after all: it was refused elsewhere. Returns what it
   * took.
   */
  retract(nowMs: number, epoch: number): void {
    const { throttle, breaker, rate } = this.#parts;
    this.#inflight--;
    rate?.giveBack();
    throttle?.record(Outcome.Cancelled, nowMs);
    breaker?.record(Outcome.Cancelled, nowMs, epoch);
  }

  #refuse(reason: RefusalReason, waitMs: number): number {
    this.#refusedBy = reason;
    return waitMs;
  }

  /**
   * An estimate of the milliseconds until a call ends: by Little's law one does every mean/inflight
   * on average. At least 1: an answer of 0 would mean that it passed.
   */
  get nextEndMs(): number {
    return Math.max(1, this.#meanMs / Math.max(1, this.#inflight));
  }
}

/** The mean looks back over about ten calls: it only has to be right to an order of magnitude. */
const MEAN_WEIGHT = 0.1;
