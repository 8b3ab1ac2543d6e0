import type { Clock, Timer } from '../runtime/clock.js';

interface Armed {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/**
 * A clock that stands still until it is told to go on. Timers fire in the order of their times, each seeing the time it
 * was armed for.
 */
export class ManualClock implements Clock {
  #nowMs: number;
  #order = 0;
  readonly #armed = new Set<Armed>();
  readonly #epochMs: number;

  constructor(startMs = 0, epochMs = 1_700_000_000_000) {
    this.#nowMs = startMs;
    this.#epochMs = epochMs - startMs;
  }

  now(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#epochMs + this.#nowMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    const armed: Armed = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fire };
    this.#armed.add(armed);
    return { cancel: () => void this.#armed.delete(armed) };
  }

  awaited(delayMs: number, fire: () => void): Timer {
    return this.after(delayMs, fire);
  }

  /** Timers armed now: none may be left when everything is closed. */
  get pending(): number {
    return this.#armed.size;
  }

  /** Goes on by so many milliseconds and fires what falls due, also what that arms. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#earliest(untilMs); next !== undefined; next = this.#earliest(untilMs)) {
      this.#armed.delete(next);
      this.#nowMs = next.atMs;
      next.fire();
    }
    this.#nowMs = untilMs;
  }

  /** Like `advance`, letting promises settle between the timers. */
  async advanceAsync(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settle();
    for (let next = this.#earliest(untilMs); next !== undefined; next = this.#earliest(untilMs)) {
      this.#armed.delete(next);
      this.#nowMs = next.atMs;
      next.fire();
      await settle();
    }
    this.#nowMs = untilMs;
    await settle();
  }

  #earliest(untilMs: number): Armed | undefined {
    let first: Armed | undefined;
    for (const armed of this.#armed) {
      if (armed.atMs > untilMs) continue;
      if (first === undefined || armed.atMs < first.atMs || (armed.atMs === first.atMs && armed.order < first.order)) {
        first = armed;
      }
    }
    return first;
  }
}

/** Long enough for chains of a few awaits; nothing here waits for I/O. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}
