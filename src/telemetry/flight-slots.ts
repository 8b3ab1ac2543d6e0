/** 32-bit words of a decision: with 12 of them two of three lie in one line of the cache. */
const WORDS = 12;
const DOUBLES = WORDS / 2;

/** Where in its slot a figure lies; the first two words are the time, a double. */
export const Word = {
  tick: 2,
  endpoint: 3,
  /** The number of the decision before on the same endpoint; 0 for none. */
  before: 4,
  micros: 5,
  inflight: 6,
  ready: 7,
  /** Two single floats. */
  ewmaMs: 8,
  weight: 9,
  key: 10,
  /** What decided, in the lowest byte; above it 0, or the outcome and 1. */
  end: 11,
} as const;

/** The place of a slot among the words, and among the doubles. */
export const wordOf = (slot: number): number => slot * WORDS;
export const doubleOf = (slot: number): number => slot * DOUBLES;

/**
 * So many decisions of 48 bytes, each whole in its slot: a decision touches a line or two of the
 * cache, and three arrays, where an array for each figure are twelve of both.
 */
export class FlightSlots {
  readonly size: number;
  readonly doubles: Float64Array;
  readonly words: Int32Array;
  readonly floats: Float32Array;

  constructor(size: number, buffer: ArrayBuffer = new ArrayBuffer(size * WORDS * 4)) {
    this.size = size;
    this.doubles = new Float64Array(buffer);
    this.words = new Int32Array(buffer);
    this.floats = new Float32Array(buffer);
  }

  copy(): FlightSlots {
    return new FlightSlots(this.size, (this.words.buffer as ArrayBuffer).slice(0));
  }
}
