import { Backoff } from '../../../src/adapter.js';
import type { Clock, Random } from '../../../src/index.js';

/**
 * The rest between attempts to connect to a server that fails them: doubled with each failure in a
 * row, half of it at random, so that a server that is down, or just back, meets a few attempts a
 * second and not all clients at once.
 */
export class ConnectPause {
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #untilMs = Number.NEGATIVE_INFINITY;
  /** What the latest attempt failed with. */
  error: unknown;

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    // Never less than half: a refusing server answers within a millisecond.
    this.#backoff = new Backoff(random, { baseMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS, jitter: 0.5 });
  }

  /** Milliseconds until the next attempt; 0 or less: now. */
  get remainingMs(): number {
    // Asked for every call that waits: the clock is not read where nothing failed.
    return this.#untilMs === Number.NEGATIVE_INFINITY ? 0 : this.#untilMs - this.#clock.now();
  }

  failed(error: unknown): void {
    this.#untilMs = this.#clock.now() + this.#backoff.next();
    this.error = error;
  }

  /** It worked, or the caller knows that it will. */
  end(): void {
    this.#backoff.reset();
    this.#untilMs = Number.NEGATIVE_INFINITY;
    this.error = undefined;
  }
}

const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;
