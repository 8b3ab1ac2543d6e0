import type { Clock, Timer } from '../../../src/index.js';

/**
 * A time to let pass, which may begin anew before it is over: callers that wait then wait on. They
 * wait also for as long as it is not known yet whether there is one.
 */
export class SettlingKeys {
  readonly #clock: Clock;
  #over: Promise<void> | undefined;
  #end: () => void = () => {};
  #timer: Timer | undefined;
  #unknown = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether there is anything to wait for is not known. */
  get unknown(): boolean {
    return this.#unknown;
  }

  /** From now on it is not known, until `learn()`. */
  doubt(): void {
    this.#unknown = true;
    this.#wait();
  }

  /** It is known: whatever has begun by now is all. */
  learn(): void {
    this.#unknown = false;
    if (this.#timer === undefined) this.#finish();
  }

  /** It is over `forMs` from now, whenever it would have been before. */
  begin(forMs: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (forMs > 0) {
      this.#wait();
      this.#timer = this.#clock.after(forMs, () => {
        this.#timer = undefined;
        if (!this.#unknown) this.#finish();
      });
    } else if (!this.#unknown) this.#finish();
  }

  /** It is over now, and nothing is in doubt. */
  end(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#unknown = false;
    this.#finish();
  }

  /** Resolves once it is over; undefined where there is nothing to wait for. */
  get over(): Promise<void> | undefined {
    return this.#over;
  }

  #wait(): void {
    this.#over ??= new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  #finish(): void {
    this.#over = undefined;
    this.#end();
  }
}
