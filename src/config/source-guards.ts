import type { Clock } from '../runtime/clock.js';

/** So many changes within this time are a storm; milliseconds. */
const STORM = 3;
const STORM_MS = 60_000;

/** In a storm the latest document is applied when none came for this long. */
const QUIET_MS = 2_000;

/** How long a document that was rolled back is refused from the source. */
const BARRED_MS = 600_000;

/** Documents barred at once, at most. */
const MAX_BARRED = 1_000;

/** What keeps a source from making this process change for ever. */
export class SourceGuards {
  readonly #clock: Clock;
  readonly #changesMs: number[] = [];
  readonly #barredUntilMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It was rolled back: a source that still has it, or has it again, must not undo that. */
  bar(hash: string): void {
    this.#barredUntilMs.delete(hash);
    this.#barredUntilMs.set(hash, this.#clock.now() + BARRED_MS);
    if (this.#barredUntilMs.size > MAX_BARRED) this.#barredUntilMs.delete(this.#barredUntilMs.keys().next().value!);
  }

  /** A hand asked for it. */
  unbar(hash: string): void {
    this.#barredUntilMs.delete(hash);
  }

  isBarred(hash: string): boolean {
    return this.#clock.now() < (this.#barredUntilMs.get(hash) ?? Number.NEGATIVE_INFINITY);
  }

  /**
   * The source said something, which is a change or what it said before: how long to wait before
   * that is applied; milliseconds.
   */
  delayMs(changed: boolean): number {
    const nowMs = this.#clock.now();
    if (changed) this.#changesMs.push(nowMs);
    const changesMs = this.#changesMs;
    while (changesMs.length > STORM || nowMs - (changesMs[0] ?? nowMs) > STORM_MS) changesMs.shift();
    return changesMs.length >= STORM ? QUIET_MS : 0;
  }
}
