import type { Clock, Timer } from '../../../src/index.js';

/** One that is looked at again and again. */
export interface Looked {
  /** Looks, and returns when to look next at the latest. */
  look(nowMs: number): number;
  /** The process was busy for so long, and what was answered lies unread. */
  forgive(ms: number): void;
}

/**
 * The looks at all shards of one client, by one timer: it fires when the first of them is to be
 * looked at, and all are then. A client over a hundred shards wakes its process no more often than
 * one over three.
 */
export class Looks {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #looked = new Set<Looked>();
  #timer: Timer | undefined;
  #dueMs = 0;

  /** `intervalMs`: how soon one that is added is looked at, and how late a timer is too late. */
  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  add(looked: Looked): void {
    this.#looked.add(looked);
    const dueMs = this.#clock.now() + this.#intervalMs;
    if (this.#timer === undefined || dueMs < this.#dueMs) this.#arm(dueMs);
  }

  delete(looked: Looked): void {
    if (!this.#looked.delete(looked) || this.#looked.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(dueMs: number): void {
    this.#timer?.cancel();
    this.#dueMs = dueMs;
    this.#timer = this.#clock.after(dueMs - this.#clock.now(), this.#look);
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.now();
    const lateMs = nowMs - this.#dueMs;
    let dueMs = Number.POSITIVE_INFINITY;
    for (const each of this.#looked) {
      if (lateMs > this.#intervalMs) each.forgive(lateMs);
      dueMs = Math.min(dueMs, each.look(nowMs));
    }
    // None is left where a look has closed the client, and another timer where it has begun anew.
    if (this.#looked.size > 0 && this.#timer === undefined) this.#arm(dueMs);
  };
}
