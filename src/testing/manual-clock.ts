import type { Clock, Timer } from '../runtime/clock.js';
import { invalidOption } from '../runtime/options.js';
import { EventQueue } from './event-queue.js';

/**
 * A clock that stands still until it is advanced. Timers fire in the order of their times, each
 * seeing the time it was armed for.
 */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #epochMs: number;
  readonly #queue = new EventQueue();

  /**
   * `startMs` is what `now()` begins with; `epochMs` is what `wallMs()` begins with (default:
   * November 2023).
   */
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
    const queue = this.#queue;
    const event = queue.add(this.#nowMs + Math.max(0, delayMs), fire);
    return { cancel: () => queue.cancel(event) };
  }

  awaited(delayMs: number, fire: () => void): Timer {
    return this.after(delayMs, fire);
  }

  /** Timers armed now: none may be left when everything is closed. */
  get pending(): number {
    return this.#queue.size;
  }

  /** Goes on by `byMs` milliseconds, 0 or more, and fires what falls due, also what that arms. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + forwards(byMs);
    while (this.#step(untilMs));
    this.#nowMs = untilMs;
  }

  /** Like `advance`, letting promises settle between the timers. */
  async advanceAsync(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + forwards(byMs);
    await settle();
    while (this.#step(untilMs)) await settle();
    this.#nowMs = untilMs;
    await settle();
  }

  /** Fires the next timer due by `untilMs`; false when there is none. */
  #step(untilMs: number): boolean {
    const next = this.#queue.take(untilMs);
    if (next === undefined) return false;
    this.#nowMs = next.atMs;
    next.fire();
    return true;
  }
}

/** Long enough for chains of a few awaits; nothing here waits for I/O. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Time does not go back. */
function forwards(byMs: number): number {
  if (byMs >= 0 && byMs < Number.POSITIVE_INFINITY) return byMs;
  throw invalidOption('ManualClock.advance byMs', byMs, 'a number from 0');
}
