import type { Endpoint } from '../../endpoint/endpoint.js';
import { number, optional, type Reader } from '../../runtime/options.js';

/** Reads `maxLoadRatio`, the same option of every policy that goes by key. */
export const maxLoadRatioReader: Reader<number | undefined> = optional(number(Number.NaN, 1, 1_000));

/**
 * Consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, SODA 2018; HAProxy's
 * hash-balance-factor): of m calls in flight, the new one included, no endpoint of n gets more than
 * ceil(ratio × m / n); with weights, its share of them by weight. A key whose owner is full goes to
 * the next one.
 *
 * Calls that began without this picker (another subset's, sticky ones) are counted on the endpoint
 * at once, and in the sum m as of the last n picks: until then the bound is tighter than it needs
 * to be, never wider.
 */
export class BoundedLoad {
  readonly #ratio: number;
  #ready: readonly Endpoint[] = [];
  #totalWeight = 0;
  #inflight = 0;
  #picksUntilRecount = 0;

  constructor(maxLoadRatio: number) {
    this.#ratio = maxLoadRatio;
  }

  update(ready: readonly Endpoint[]): void {
    this.#ready = ready;
    this.#totalWeight = 0;
    for (const endpoint of ready) this.#totalWeight += endpoint.weight;
    this.#recount();
  }

  copy(): BoundedLoad {
    const copy = new BoundedLoad(this.#ratio);
    copy.#ready = this.#ready;
    copy.#totalWeight = this.#totalWeight;
    copy.#inflight = this.#inflight;
    copy.#picksUntilRecount = this.#picksUntilRecount;
    return copy;
  }

  hasRoom(endpoint: Endpoint): boolean {
    const share = (this.#ratio * (this.#inflight + 1) * endpoint.weight) / this.#totalWeight;
    return endpoint.inflight < Math.ceil(share - ROUNDING);
  }

  /** A call was given to one of the ready endpoints. Amortised O(1). */
  began(): void {
    if (--this.#picksUntilRecount <= 0) this.#recount();
    this.#inflight++;
  }

  ended(endpoint: Endpoint): void {
    if (endpoint.state === 'ready' && this.#inflight > 0) this.#inflight--;
  }

  #recount(): void {
    let inflight = 0;
    for (let i = 0; i < this.#ready.length; i++) inflight += this.#ready[i]!.inflight;
    this.#inflight = inflight;
    this.#picksUntilRecount = this.#ready.length;
  }
}

/** The bound that the option asks for. */
export function boundedLoad(maxLoadRatio: number | undefined): BoundedLoad | undefined {
  return maxLoadRatio === undefined ? undefined : new BoundedLoad(maxLoadRatio);
}

/** 1.1 × 10 / 11 is 1.0000000000000002 in doubles: that is a bound of 1, not of 2. */
const ROUNDING = 1e-9;
