// The only file that draws.

/**
 * Random numbers, not for secrets. Integers first: a double drawn through an injected function is
 * boxed (16 B per draw), an integer below 2^31 is not.
 */
export interface Random {
  /** A uniform integer in [0, bound). `bound` is an integer from 1 to 2^30. */
  below(bound: number): number;
  /** A uniform double in [0, 1). */
  float(): number;
}

const TWO_TO_32 = 2 ** 32;

/**
 * Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003: the 32-bit generator
 * with shifts 13, 17, 5. Period 2^32 - 1, 3 shifts a draw; statistically ample for balancing and
 * jitter, useless for secrets.
 */
class Xorshift32 implements Random {
  #state: number;
  constructor(seed: number) {
    // Zero is the one fixed point of the generator, so a zero seed is replaced by an arbitrary odd
    // constant.
    this.#state = seed | 0 || 0x9e3779b9 | 0;
    // Nearby seeds start out correlated; a few rounds part them.
    for (let round = 0; round < 8; round++) this.#next();
  }
  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x;
  }
  below(bound: number): number {
    // The multiply-shift of Lemire ("Fast Random Integer Generation in an Interval", 2019) without
    // its rejection step: the bias is below bound / 2^32.
    return Math.floor(((this.#next() >>> 0) / TWO_TO_32) * bound);
  }
  float(): number {
    return (this.#next() >>> 0) / TWO_TO_32;
  }
}

/** The same seed makes the same draws: for tests, simulations and reproductions. */
export function seededRandom(seed: number): Random {
  return new Xorshift32(seed);
}

/**
 * A separate generator for this process or component, seeded by the operating system: by way of
 * V8's generator, as loading `node:crypto` for four bytes would cost 3 ms.
 */
export function systemRandom(): Random {
  return new Xorshift32(Math.floor(Math.random() * TWO_TO_32));
}
