import type { Clock, Timer } from '../../../src/index.js';

/** Fires once nothing has moved for `idleMs`; one timer, however often something moves. */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #idle: () => void;
  #activeMs: number;
  #timer: Timer;

  constructor(clock: Clock, idleMs: number, idle: () => void) {
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#idle = idle;
    this.#activeMs = clock.now();
    this.#timer = this.#after(idleMs);
  }

  moved(): void {
    this.#activeMs = this.#clock.now();
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #after(ms: number): Timer {
    return this.#clock.after(ms, () => {
      const leftMs = this.#activeMs + this.#idleMs - this.#clock.now();
      if (leftMs <= 0) this.#idle();
      else this.#timer = this.#after(leftMs);
    });
  }
}
