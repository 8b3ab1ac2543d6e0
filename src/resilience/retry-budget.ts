import { fields, number, type Reader } from '../runtime/options.js';
import { RollingCounts } from './rolling-counts.js';

export interface RetryBudgetOptions {
  /** Repeats allowed as a share of the calls in the window. Default 0.2; 0 to 1,000. */
  readonly ratio?: number;
  /**
   * Repeats allowed on top, per second, so that a service with few calls may repeat one at all.
   * Default 10; 0 to 1,000,000.
   */
  readonly minPerSecond?: number;
  /** Calls and repeats count for this long; milliseconds. Default 10,000; 100 to 3,600,000. */
  readonly windowMs?: number;
}

/**
 * How many calls may be repeated, as a share of the calls made. A maximum of tries per call is not
 * a protection: when a service fails altogether, three tries per call are three times the load on
 * what is already failing, and layers of callers multiply it (3 × 3 × 3). A budget lets a few
 * failures be repeated freely and gives up together with the service: the load never grows beyond 1
 * + `ratio`, plus the floor.
 *
 * The semantics of Finagle's RetryBudget and tower's TpsBudget: every call deposits `ratio`, a
 * repeat withdraws 1, both expire after the window, and `minPerSecond` times the window is always
 * there. Unlike theirs it holds exactly: over no period of `windowMs` that ends with a repeat are
 * there more repeats than `ratio` times its calls plus that floor.
 */
export class RetryBudget {
  readonly windowMs: number;
  readonly #ratio: number;
  readonly #reserve: number;
  /** Made by the first call: there are more services, and channels, than such as repeat. */
  #counts: RollingCounts | undefined;

  /** `before`: a budget that it takes the place of, whose calls and repeats go on counting. */
  constructor(options?: RetryBudgetOptions, before?: RetryBudget) {
    const read = readRetryBudget(options, 'budget');
    this.#ratio = read.ratio;
    this.#reserve = (read.minPerSecond * read.windowMs) / 1_000;
    this.windowMs = read.windowMs;
    if (before?.windowMs === read.windowMs) this.#counts = before.#counted();
  }

  /** A call is made (not a repeat of one). */
  deposit(nowMs: number): void {
    const counts = this.#counted();
    counts.advance(nowMs);
    counts.add(1, 0);
  }

  /** Takes one repeat out; false where there is none left. */
  tryWithdraw(nowMs: number): boolean {
    if (this.balance(nowMs) < 1) return false;
    this.#counted().add(0, 1);
    return true;
  }

  /** How many repeats are left. Less than 0 after calls that paid for repeats have expired. */
  balance(nowMs: number): number {
    const counts = this.#counted();
    counts.advance(nowMs);
    return this.#reserve + this.#ratio * counts.first - counts.secondWithOldest;
  }

  #counted(): RollingCounts {
    this.#counts ??= new RollingCounts(this.windowMs);
    return this.#counts;
  }
}

export const readRetryBudget: Reader<Required<RetryBudgetOptions>> = fields<Required<RetryBudgetOptions>>({
  ratio: number(0.2, 0, 1_000),
  minPerSecond: number(10, 0, 1_000_000),
  windowMs: number(10_000, 100, 3_600_000),
});
