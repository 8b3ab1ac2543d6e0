import type { Clock, Timer } from '../../../src/index.js';

export interface Waiter {
  /** Clock time at which its patience ends; infinite: never. */
  readonly deadlineMs: number;
}

/**
 * Callers in the order they came, each with a deadline. One timer for all of them: a timer each
 * would cost as much as the rest of the wait. So would one each time that the line begins, as most
 * lines are short and empty at once: the timer stays, and is cancelled where the line has been
 * empty for a while. It may fire before anyone's deadline then, and is set anew.
 */
export class WaitingCallers<W extends Waiter> {
  readonly #clock: Clock;
  readonly #expired: (waiter: W) => void;
  /**
   * Those before `#head` are served: moving the others up for each one would cost the square of a
   * long queue.
   */
  #waiters: (W | undefined)[] = [];
  #head = 0;
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;
  /** Looks whether the timer is of use still: it keeps the process alive. */
  #lull: Timer | undefined;
  /** Somebody has waited since the latest such look. */
  #waited = false;

  constructor(clock: Clock, expired: (waiter: W) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  get length(): number {
    return this.#waiters.length - this.#head;
  }

  push(waiter: W): void {
    const { deadlineMs } = waiter;
    this.#waiters.push(waiter);
    this.#waited = true;
    if (deadlineMs < this.#timerAtMs) this.#arm(deadlineMs);
  }

  /** Who came first. */
  shift(): W | undefined {
    if (this.length === 0) return undefined;
    const waiter = this.#waiters[this.#head];
    this.#waiters[this.#head++] = undefined;
    if (this.#head >= MIN_COMPACTION && this.#head * 2 >= this.#waiters.length) {
      this.#waiters = this.#waiters.slice(this.#head);
      this.#head = 0;
    }
    if (this.length === 0) this.#empty();
    return waiter;
  }

  /** All of them. */
  take(): readonly W[] {
    const taken = this.#waiting();
    this.#empty();
    this.#disarm();
    return taken;
  }

  #waiting(): W[] {
    return this.#waiters.slice(this.#head) as W[];
  }

  #empty(): void {
    this.#waiters.length = 0;
    this.#head = 0;
    if (this.#timer !== undefined) this.#lull ??= this.#lookLater();
  }

  #lookLater(): Timer {
    this.#waited = false;
    return this.#clock.after(LULL_MS, () => {
      this.#lull = undefined;
      if (this.length > 0) return;
      if (this.#waited) this.#lull = this.#lookLater();
      else this.#disarm();
    });
  }

  #arm(atMs: number): void {
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.awaited(atMs - this.#clock.now(), () => this.#expire());
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
  }

  #expire(): void {
    const nowMs = this.#clock.now();
    const waiting = this.#waiting();
    const late = waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    this.#waiters = waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    this.#head = 0;
    this.#disarm();
    const earliestMs = this.#earliestMs();
    if (Number.isFinite(earliestMs)) this.#arm(earliestMs);
    for (const waiter of late) this.#expired(waiter);
  }

  #earliestMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#waiting()) earliestMs = Math.min(earliestMs, deadlineMs);
    return earliestMs;
  }
}

/** A process that is done ends so much later. Forty looks a second cost nothing. */
const LULL_MS = 25;

/** Served callers that are kept before the rest moves up. */
const MIN_COMPACTION = 64;
