import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../../src/index.js';

/** A socket that can say to its other end that something went wrong. */
type Resettable = Duplex & { resetAndDestroy?(): unknown };

/** Two connections of which each gets what the other receives. */
export class Splice {
  readonly #ends: readonly [Duplex, Duplex];
  readonly #clock: Clock;
  readonly #idleMs: number;
  #activeMs: number;
  #timer: Timer | undefined;
  #open = 2;

  /** `idleMs`: the silence after which both are closed; 0 for none. `closed`: both are. */
  constructor(a: Duplex, b: Duplex, clock: Clock, idleMs: number, closed: () => void) {
    this.#ends = [a, b];
    this.#clock = clock;
    this.#idleMs = idleMs;
    this.#activeMs = clock.now();
    this.#join(a, b, closed);
    this.#join(b, a, closed);
    if (idleMs > 0) this.#watch(idleMs);
  }

  /** Says to both that nothing more comes. */
  finish(): void {
    for (const end of this.#ends) end.end();
  }

  destroy(): void {
    for (const end of this.#ends) end.destroy();
  }

  #join(from: Duplex, to: Resettable, closed: () => void): void {
    from.on('data', (chunk: Buffer) => {
      this.#activeMs = this.#idleMs > 0 ? this.#clock.now() : 0;
      if (!to.write(chunk)) from.pause();
    });
    to.on('drain', () => from.resume());
    from.on('end', () => to.end());
    // What broke here breaks there: a clean end would be a lie.
    from.on('error', () => {
      if (to.destroyed) return;
      if (to.resetAndDestroy === undefined) to.destroy();
      else to.resetAndDestroy();
    });
    from.on('close', () => {
      if (!to.destroyed && !to.writableEnded) to.end();
      this.#open--;
      if (this.#open > 0) return;
      this.#timer?.cancel();
      closed();
    });
  }

  #watch(afterMs: number): void {
    this.#timer = this.#clock.after(afterMs, () => {
      const leftMs = this.#activeMs + this.#idleMs - this.#clock.now();
      if (leftMs <= 0) this.destroy();
      else this.#watch(leftMs);
    });
  }
}
