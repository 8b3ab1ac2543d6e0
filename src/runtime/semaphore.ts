import { forgetAbort, whenAborted } from './abort-audience.js';

/** Runs at most `count` pieces of work at a time, the others in the order in which they came. */
export class Semaphore {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a place if one is free now. */
  tryAcquire(): boolean {
    if (this.#free === 0) return false;
    this.#free--;
    return true;
  }

  /**
   * Resolves with a place taken. Rejects with the signal's reason, without a place, when it aborts
   * before.
   */
  async acquire(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.tryAcquire()) return;
    await new Promise<void>((resolve, reject) => {
      const turn = (): void => {
        if (signal !== undefined) forgetAbort(signal, leave);
        resolve();
      };
      const leave = (): void => {
        this.#waiting.delete(turn);
        reject(signal?.reason);
      };
      this.#waiting.add(turn);
      if (signal !== undefined) whenAborted(signal, leave);
    });
  }

  /** Returns a place; the next in line has it at once. */
  release(): void {
    for (const turn of this.#waiting) {
      this.#waiting.delete(turn);
      turn();
      return;
    }
    this.#free++;
  }

  /** Acquires, runs, and releases however it ended. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    // At once where there is room: not a turn of the event loop later.
    if (!this.tryAcquire()) await this.acquire();
    try {
      return await work();
    } finally {
      this.release();
    }
  }
}
