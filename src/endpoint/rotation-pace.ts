import type { Clock, Timer } from '../runtime/clock.js';

/** Of fewer endpoints a rotation is computed at once whenever the health of one changes. */
const FEW = 200;

/**
 * Of more, once per this many milliseconds and thousand endpoints: a rotation costs up to a
 * millisecond per thousand, and when thousands come or fall sick together, one for each would take
 * seconds.
 */
const GAP_MS_PER_THOUSAND = 10;

/**
 * Batches recomputation after health changes: at once for small services, at most once per gap for
 * large ones. Changes of discovery do not wait.
 */
export class RotationPace {
  readonly #clock: Clock;
  readonly #compute: () => void;
  #size = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #waiting: Timer | undefined;

  constructor(clock: Clock, compute: () => void) {
    this.#clock = clock;
    this.#compute = compute;
  }

  /** The health of an endpoint changed. */
  request(): void {
    if (this.#waiting !== undefined) return;
    if (this.#size < FEW) {
      this.#compute();
      return;
    }
    const waitMs = this.#lastMs + (this.#size / 1_000) * GAP_MS_PER_THOUSAND - this.#clock.now();
    if (waitMs <= 0) this.#compute();
    else this.#waiting = this.#clock.after(waitMs, this.#compute);
  }

  /** A rotation over `size` endpoints is being computed, whatever asked for it. */
  computed(size: number): void {
    this.close();
    this.#size = size;
    if (size >= FEW) this.#lastMs = this.#clock.now();
  }

  close(): void {
    this.#waiting?.cancel();
    this.#waiting = undefined;
  }
}
