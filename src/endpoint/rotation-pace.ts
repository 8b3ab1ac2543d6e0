import type { Clock, Timer } from '../runtime/clock.js';

/** Of fewer endpoints a rotation is computed at once whenever the health of one changes. */
const FEW = 200;

/**
 * Of more, once per this many milliseconds and thousand endpoints: a rotation costs up to a
 * millisecond per thousand, and when thousands come or fall sick together, one for each would take
 * seconds.
 */
const GAP_MS_PER_THOUSAND = 10;

export interface PaceHost {
  /** Computes the rotations anew. */
  compute(): void;
}

/**
 * Batches recomputation after health changes: at once for small services, at most once per gap for
 * large ones. Changes of discovery do not wait.
 */
export class RotationPace {
  readonly #clock: Clock;
  readonly #host: PaceHost;
  #size = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #waiting: Timer | undefined;

  constructor(clock: Clock, host: PaceHost) {
    this.#clock = clock;
    this.#host = host;
  }

  /** The health of an endpoint changed. */
  request(): void {
    if (this.#waiting !== undefined) return;
    if (this.#size < FEW) {
      this.#host.compute();
      return;
    }
    const waitMs = this.#lastMs + (this.#size / 1_000) * GAP_MS_PER_THOUSAND - this.#clock.now();
    if (waitMs <= 0) this.#host.compute();
    else this.#waiting = this.#clock.after(waitMs, () => this.#host.compute());
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
