import { fields, integer, number, type Reader } from '../runtime/options.js';
import { isAnswer, Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { RollingCounts } from './rolling-counts.js';

export interface ClientThrottleOptions {
  /**
   * Calls sent for each one the service accepts, before any is refused here. Default 2; 1 to 100.
   * Less refuses sooner, more notices a recovery sooner.
   */
  readonly ratio?: number;
  /** How far it looks back; milliseconds. Default 120,000; 100 to 3,600,000. */
  readonly windowMs?: number;
  /** Calls the window must hold before any is refused. Default 10; 0 to 1,000,000. */
  readonly minimumCalls?: number;
}

/**
 * Adaptive throttling as in "Site Reliability Engineering" (Beyer et al., 2016), chapter 21,
 * "Client-side throttling": a call is refused here with probability max(0, (requests - K·accepts) /
 * (requests + 1)), where requests counts also those refused here and accepts those that the service
 * did not turn away. A service that is down still gets a trickle, by which its return is noticed,
 * and no state machine needs tuning.
 */
export class ClientThrottle {
  readonly #options: Required<ClientThrottleOptions>;
  readonly #random: Random;
  /** First: requests. Second: accepts. */
  readonly #counts: RollingCounts;

  constructor(options: ClientThrottleOptions, random: Random) {
    this.#options = readClientThrottle(options, 'throttle');
    this.#random = random;
    this.#counts = new RollingCounts(this.#options.windowMs);
  }

  /** The probability that a call is refused now. */
  refusalProbability(nowMs: number): number {
    this.#counts.advance(nowMs);
    const { first: requests, second: accepts } = this.#counts;
    if (requests < this.#options.minimumCalls) return 0;
    return Math.max(0, (requests - this.#options.ratio * accepts) / (requests + 1));
  }

  /**
   * Counts a request. 0 lets it pass, to be followed by `record`; else it is refused, and this is
   * the milliseconds until the window moves on and the odds change.
   */
  tryAcquire(nowMs: number): number {
    const probability = this.refusalProbability(nowMs);
    this.#counts.add(1, 0);
    if (probability === 0 || this.#random.float() >= probability) return 0;
    return Math.max(1, this.#counts.slotEndsInMs(nowMs));
  }

  /**
   * How a call ended that passed. A cancelled one counts as accepted: it says nothing, and must not
   * throttle.
   */
  record(outcome: Outcome, nowMs: number): void {
    if (outcome !== Outcome.Cancelled && (!isAnswer(outcome) || outcome === Outcome.Overloaded)) return;
    this.#counts.advance(nowMs);
    this.#counts.add(0, 1);
  }
}

export const readClientThrottle: Reader<Required<ClientThrottleOptions>> = fields<Required<ClientThrottleOptions>>({
  ratio: number(2, 1, 100),
  windowMs: number(120_000, 100, 3_600_000),
  minimumCalls: integer(10, 0, 1_000_000),
});
