import type { Clock, Timer } from '../../../src/index.js';

/** A time to let pass, which may begin anew before it is over: callers that wait then wait on. */
export class SettlingKeys {
  readonly #clock: Clock;
  #over: Promise<void> | undefined;
  #end: () => void = () => {};
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It is over `forMs` from now, whenever it would have been before. */
  begin(forMs: number): void {
    this.#timer?.cancel();
    if (forMs === 0) {
      this.end();
      return;
    }
    this.#over ??= new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#timer = this.#clock.after(forMs, () => this.end());
  }

  /** It is over now. */
  end(): void {
    this.#timer?.cancel();
    this.#over = undefined;
    this.#end();
  }

  /** Resolves once it is over; undefined where there is nothing to wait for. */
  get over(): Promise<void> | undefined {
    return this.#over;
  }
}
