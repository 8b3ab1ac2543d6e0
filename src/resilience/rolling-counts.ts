/**
 * Two counters over the latest `windowMs`, in slots that empty with time whether or not anything is
 * counted: after an idle hour both are 0. (Windows that move on only when something is counted keep
 * what happened before the pause, and judge today by it.)
 *
 * Counts cover the running slot and all but the oldest of those before it, so they look back over
 * `windowMs` at most and over one slot less at least; `withOldest` looks back over `windowMs` at
 * least. Numbers are whole. O(1), and O(slots) after a pause; no allocation.
 */
export class RollingCounts {
  readonly slotMs: number;
  readonly #slots: number;
  readonly #first: Float64Array;
  readonly #second: Float64Array;
  #slot = Number.NEGATIVE_INFINITY;
  #firstSum = 0;
  #secondSum = 0;

  /** `slots`: more make it smoother; 10 are Finagle's and linkerd's choice. */
  constructor(windowMs: number, slots = 10) {
    this.slotMs = windowMs / slots;
    this.#slots = slots + 1;
    this.#first = new Float64Array(this.#slots);
    this.#second = new Float64Array(this.#slots);
  }

  /** Counts in the running slot. Call `advance` before. */
  add(first: number, second: number): void {
    const at = this.#slot % this.#slots;
    this.#first[at]! += first;
    this.#second[at]! += second;
    this.#firstSum += first;
    this.#secondSum += second;
  }

  /** Forgets what is too old at `nowMs`. A time before the latest one changes nothing. */
  advance(nowMs: number): void {
    const slot = Math.floor(nowMs / this.slotMs);
    if (slot <= this.#slot) return;
    if (slot - this.#slot >= this.#slots) {
      this.clear();
    } else {
      for (let each = this.#slot + 1; each <= slot; each++) this.#empty(each % this.#slots);
    }
    this.#slot = slot;
  }

  get first(): number {
    return this.#firstSum - this.#first[(this.#slot + 1) % this.#slots]!;
  }

  get second(): number {
    return this.#secondSum - this.#second[(this.#slot + 1) % this.#slots]!;
  }

  /** The second counter over no less than the window. */
  get secondWithOldest(): number {
    return this.#secondSum;
  }

  /** Milliseconds until the slot that is running ends. */
  slotEndsInMs(nowMs: number): number {
    return (this.#slot + 1) * this.slotMs - nowMs;
  }

  /** Milliseconds until `secondWithOldest` first becomes smaller; 0 where it is 0. */
  secondShrinksInMs(nowMs: number): number {
    for (let age = this.#slots - 1; age >= 0; age--) {
      const slot = this.#slot - age;
      if (slot >= 0 && this.#second[slot % this.#slots]! > 0) return (slot + this.#slots) * this.slotMs - nowMs;
    }
    return 0;
  }

  clear(): void {
    this.#first.fill(0);
    this.#second.fill(0);
    this.#firstSum = 0;
    this.#secondSum = 0;
  }

  #empty(at: number): void {
    this.#firstSum -= this.#first[at]!;
    this.#secondSum -= this.#second[at]!;
    this.#first[at] = 0;
    this.#second[at] = 0;
  }
}
