import { forgetAbort, whenAborted } from './abort-audience.js';

// The only file that reads time or arms a timer. Everything else is handed a Clock, so that a test
// can be one.

/** What a clock was asked to run later. */
export interface Timer {
  /** Idempotent. A cancelled timer never fires. */
  cancel(): void;
}

/** Time, as everything here reads it: the machine's, or a test's. */
export interface Clock {
  /**
   * Milliseconds since an arbitrary origin. Monotonic: it never goes back, whatever the wall clock
   * does.
   */
  now(): number;
  /**
   * Runs `fire` once, `delayMs` from now (0 or less: as soon as possible, never synchronously).
   * Such a timer belongs to background work and does not keep the process alive.
   */
  after(delayMs: number, fire: () => void): Timer;
  /**
   * Like `after`, for work that is awaited: the process stays alive until it fired or was
   * cancelled.
   */
  awaited(delayMs: number, fire: () => void): Timer;
  /**
   * Milliseconds since the Unix epoch; only for what leaves the process (tokens, displays), never
   * for durations.
   */
  wallMs(): number;
}

/** Node turns a longer delay, 24.8 days, into 1 ms: such a timer is armed more than once. */
export const MAX_TIMER_MS: number = 2 ** 31 - 1;

class SystemTimer implements Timer {
  #handle: NodeJS.Timeout | undefined;
  constructor(delayMs: number, fire: () => void, keepAlive: boolean) {
    this.#arm(delayMs, fire, keepAlive);
  }
  #arm(delayMs: number, fire: () => void, keepAlive: boolean): void {
    this.#handle =
      delayMs > MAX_TIMER_MS
        ? setTimeout(() => this.#arm(delayMs - MAX_TIMER_MS, fire, keepAlive), MAX_TIMER_MS)
        : setTimeout(fire, Math.max(delayMs, 0));
    if (!keepAlive) this.#handle.unref();
  }
  cancel(): void {
    clearTimeout(this.#handle);
    this.#handle = undefined;
  }
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (delayMs, fire) => new SystemTimer(delayMs, fire, false),
  awaited: (delayMs, fire) => new SystemTimer(delayMs, fire, true),
  wallMs: () => Date.now(),
};

/**
 * Resolves after `delayMs`, or rejects with the signal's reason as soon as it aborts. The process
 * stays alive meanwhile.
 */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = clock.awaited(delayMs, () => {
      if (signal !== undefined) forgetAbort(signal, onAbort);
      resolve();
    });
    if (signal !== undefined) whenAborted(signal, onAbort);
  });
}

/**
 * A timer that fires this much late was kept by our own work: a busy process, not a slow peer;
 * milliseconds.
 */
const BUSY_MS = 20;

/**
 * Like `clock.awaited`, for a verdict about a peer that has not answered by then. A process that
 * was busy when the time ran out has not read what the peer sent meanwhile, so the verdict waits
 * for one more turn of the event loop, in which sockets are read; and where the timer came late,
 * for as long as it was late, so that a handshake can go on that stood still. Busy or not, the
 * verdict comes after twice `delayMs` and what the last turn took. `kind` is the timer's, by
 * default one that keeps the process alive. Where `concerned` returns false by then, no peer is at
 * work, and there is nothing to wait for.
 */
export function judgeAfter(
  clock: Clock,
  delayMs: number,
  judge: () => void,
  kind: 'after' | 'awaited' = 'awaited',
  concerned?: () => boolean,
): Timer {
  return new JudgeTimer(clock, delayMs, judge, kind, concerned);
}

/** One object, as there is one per call that has a deadline. */
class JudgeTimer implements Timer {
  readonly #clock: Clock;
  readonly #judge: () => void;
  readonly #kind: 'after' | 'awaited';
  readonly #concerned: (() => boolean) | undefined;
  #graceMs: number;
  #looked = false;
  #dueMs = 0;
  #timer: Timer | undefined;

  constructor(
    clock: Clock,
    delayMs: number,
    judge: () => void,
    kind: 'after' | 'awaited',
    concerned: (() => boolean) | undefined,
  ) {
    this.#clock = clock;
    this.#judge = judge;
    this.#kind = kind;
    this.#concerned = concerned;
    this.#graceMs = Math.max(0, delayMs);
    this.#arm(delayMs);
  }

  cancel(): void {
    this.#timer?.cancel();
  }

  #arm(waitMs: number): void {
    this.#dueMs = this.#clock.now() + waitMs;
    this.#timer = this.#clock[this.#kind](waitMs, () => this.#expired());
  }

  #expired(): void {
    if (this.#concerned?.() === false) {
      this.#judge();
      return;
    }
    const extraMs = Math.min(this.#clock.now() - this.#dueMs, this.#graceMs);
    if (extraMs > BUSY_MS) {
      this.#graceMs -= extraMs;
      this.#looked = true;
      this.#arm(extraMs);
    } else if (this.#looked) {
      this.#judge();
    } else {
      this.#looked = true;
      this.#arm(0);
    }
  }
}

/**
 * The outcome of `work`, or a rejection with what `late` returns where it takes longer than
 * `limitMs`, by the rules of `judgeAfter`. The work is not stopped: pass it a signal for that. What
 * it does after the limit is ignored, a rejection included.
 */
export function withTimeout<T>(clock: Clock, limitMs: number, work: PromiseLike<T>, late: () => Error): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = judgeAfter(clock, limitMs, () => reject(late()));
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
