import type { Clock, Timer } from '../../../src/index.js';
import type { Physical } from './physical.js';

/**
 * The connections that a pool has made and not closed. Each knows itself whether it is in use, and
 * is retired by a timer of its own: taking one and giving it back look nothing up, and read no
 * clock.
 */
export class MadeConnections {
  readonly #clock: Clock;
  readonly #ends = new Map<Physical, Timer>();
  #busy = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many are in use. */
  get busy(): number {
    return this.#busy;
  }

  /** Those in use. Costs O(connections). */
  get inUse(): readonly Physical[] {
    return [...this.#ends.keys()].filter(({ inUse }) => inUse);
  }

  /** A new one, not in use yet: it serves no further session after `lifetimeMs`. */
  add(physical: Physical, lifetimeMs: number): void {
    const end = this.#clock.after(lifetimeMs, () => {
      physical.retired = true;
    });
    this.#ends.set(physical, end);
  }

  use(physical: Physical): void {
    physical.inUse = true;
    this.#busy++;
  }

  free(physical: Physical): void {
    physical.inUse = false;
    this.#busy--;
  }

  /** Those in use will not come back. */
  abandon(): void {
    for (const physical of this.inUse) {
      this.free(physical);
      this.forget(physical);
    }
  }

  /** It is closed, or about to be. */
  forget(physical: Physical): void {
    this.#ends.get(physical)?.cancel();
    this.#ends.delete(physical);
  }
}
