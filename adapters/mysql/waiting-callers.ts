import type { Clock, Timer } from '../../src/index.js';

interface Waiter<Callback> {
  readonly callback: Callback;
  readonly deadlineMs: number;
  readonly timeoutMs: number;
}

/**
 * Callers in the order they came, each with a deadline. One timer for all of them: a timer each would cost as much as
 * the rest of the wait.
 */
export class WaitingCallers<Callback> {
  readonly #clock: Clock;
  readonly #expired: (callback: Callback, timeoutMs: number) => void;
  #waiters: Waiter<Callback>[] = [];
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, expired: (callback: Callback, timeoutMs: number) => void) {
    this.#clock = clock;
    this.#expired = expired;
  }

  get length(): number {
    return this.#waiters.length;
  }

  /** Waits for `timeoutMs`; 0 is for ever. */
  push(callback: Callback, timeoutMs: number): void {
    const deadlineMs = timeoutMs > 0 ? this.#clock.now() + timeoutMs : Number.POSITIVE_INFINITY;
    this.#waiters.push({ callback, deadlineMs, timeoutMs });
    if (deadlineMs < this.#timerAtMs) this.#arm(deadlineMs);
  }

  /** Who came first. */
  shift(): Callback | undefined {
    const waiter = this.#waiters.shift();
    if (this.#waiters.length === 0) this.#disarm();
    return waiter?.callback;
  }

  /** All of them. */
  take(): readonly Callback[] {
    const taken = this.#waiters.map(({ callback }) => callback);
    this.#waiters = [];
    this.#disarm();
    return taken;
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
    const late = this.#waiters.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    this.#waiters = this.#waiters.filter(({ deadlineMs }) => deadlineMs > nowMs);
    this.#disarm();
    const earliestMs = Math.min(...this.#waiters.map(({ deadlineMs }) => deadlineMs));
    if (Number.isFinite(earliestMs)) this.#arm(earliestMs);
    for (const { callback, timeoutMs } of late) this.#expired(callback, timeoutMs);
  }
}
