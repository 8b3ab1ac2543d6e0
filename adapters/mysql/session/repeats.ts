import type { Clock } from '../../../src/index.js';
import { RetryBudget } from '../../../src/resilience/index.js';

/** Statements are told to the budget by so many: reading the clock for each would cost more. */
const TOLD_BY = 64;

/**
 * How many statements a pool may send once more: a fifth of those it runs, and ten a second. A
 * server that fails whatever it is asked must not make its peers answer it all threefold.
 */
export class Repeats {
  readonly #clock: Clock;
  readonly #budget = new RetryBudget();
  #untold = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A statement is run for the first time. */
  count(): void {
    if (++this.#untold >= TOLD_BY) this.#tell(this.#clock.now());
  }

  /** Whether one may be repeated; it is then counted. */
  take(): boolean {
    const nowMs = this.#clock.now();
    this.#tell(nowMs);
    return this.#budget.tryWithdraw(nowMs);
  }

  #tell(nowMs: number): void {
    for (; this.#untold > 0; this.#untold--) this.#budget.deposit(nowMs);
  }
}
