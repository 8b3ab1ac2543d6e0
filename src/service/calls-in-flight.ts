import type { CallsHeld } from '../call/plan.js';
import type { Clock } from '../runtime/clock.js';
import { IdleWait } from '../runtime/idle-wait.js';

/** The calls of a service that have not ended. */
export class CallsInFlight implements CallsHeld {
  #count = 0;
  /** Made when the end of them all is waited for. */
  #idle: IdleWait | undefined;

  get count(): number {
    return this.#count;
  }

  /** Hot path. */
  began(): void {
    this.#count++;
  }

  /** Hot path. */
  ended(): void {
    this.#count--;
    if (this.#count === 0) this.#idle?.rested();
  }

  /** Resolves when none is left, or after `limitMs`. */
  async none(clock: Clock, limitMs: number): Promise<void> {
    if (this.#count === 0) return;
    this.#idle ??= new IdleWait();
    await this.#idle.wait(clock, limitMs);
  }
}
