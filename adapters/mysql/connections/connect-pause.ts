import type { Clock, Random } from '../../../src/index.js';

/**
 * The rest between attempts to connect to a server that fails them: doubled with each failure in a
 * row, half of it at random, so that a server that is down, or just back, meets a few attempts a
 * second and not all clients at once.
 */
export class ConnectPause {
  readonly #clock: Clock;
  readonly #random: Random;
  #failures = 0;
  #untilMs = Number.NEGATIVE_INFINITY;
  /** What the latest attempt failed with. */
  error: unknown;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds until the next attempt; 0 or less: now. */
  get remainingMs(): number {
    return this.#untilMs - this.#clock.now();
  }

  failed(error: unknown): void {
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#failures, MAX_PAUSE_MS);
    this.#failures = Math.min(this.#failures + 1, MAX_DOUBLINGS);
    // Never less than half: a refusing server answers within a millisecond.
    this.#untilMs = this.#clock.now() + (pauseMs * (1 + this.#random.float())) / 2;
    this.error = error;
  }

  /** It worked, or somebody knows that it will. */
  end(): void {
    this.#failures = 0;
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.error = undefined;
  }
}

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;
/** Beyond the cap already; keeps the power finite. */
const MAX_DOUBLINGS = 10;
