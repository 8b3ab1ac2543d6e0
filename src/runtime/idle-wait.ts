import type { Clock } from './clock.js';

/** Waits for something to come to rest, for so long at most. One wait at a time. */
export class IdleWait {
  #rested: (() => void) | undefined;

  /** It is at rest now. Hot path: costs a comparison where nothing waits. */
  rested(): void {
    this.#rested?.();
  }

  /** Resolves at the next `rested()`, or after `limitMs`. */
  async wait(clock: Clock, limitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = clock.awaited(limitMs, resolve);
      this.#rested = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#rested = undefined;
  }
}
