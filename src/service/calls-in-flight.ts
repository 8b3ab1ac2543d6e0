import type { CallsHeld } from '../call/plan.js';
import type { Clock } from '../runtime/clock.js';

/** The calls of a service that have not ended. */
export class CallsInFlight implements CallsHeld {
  #count = 0;
  #idle: (() => void) | undefined;

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
    if (this.#count === 0) this.#idle?.();
  }

  /** Resolves when none is left, or after `limitMs`. */
  async none(clock: Clock, limitMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const timer = clock.awaited(limitMs, resolve);
      this.#idle = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#idle = undefined;
  }
}
