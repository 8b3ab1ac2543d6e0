import type { Clock, Timer } from '../../../src/index.js';

/** Shards made, or connected, in one turn of the event loop: a few milliseconds. */
const PER_TURN = 64;

/**
 * Does something for each of many, so many a turn of the event loop: of few at once, and of
 * thousands so that no other work stands still. A newer list takes the place of what is left of the
 * one before.
 */
export class InTurns {
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `done` is called after the last, in the same turn; not at all where a newer list comes. */
  run<T>(items: readonly T[], work: (item: T) => void, done?: () => void): void {
    this.close();
    this.#work(items, 0, work, done);
  }

  /** Begins with the next turn, whose work is left off like any other. */
  next(work: () => void): void {
    this.close();
    this.#timer = this.#clock.after(0, work);
  }

  /** Leaves off what is left. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #work<T>(items: readonly T[], from: number, work: (item: T) => void, done: (() => void) | undefined): void {
    const end = Math.min(from + PER_TURN, items.length);
    for (let at = from; at < end; at++) work(items[at]!);
    if (end === items.length) done?.();
    else this.#timer = this.#clock.after(0, () => this.#work(items, end, work, done));
  }
}
