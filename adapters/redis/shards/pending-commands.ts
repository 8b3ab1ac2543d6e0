import { judgeAfter } from '../../../src/adapter.js';
import { type Clock, FairleadError, type Timer } from '../../../src/index.js';
import { type Command, refuseAll } from '../driver/driver.js';

/** One command, or the commands of a transaction as a whole, and how they go on. */
export interface Pending<Via> {
  readonly commands: readonly Command[];
  readonly via: Via;
}

interface Entry<Via> extends Pending<Via> {
  timer: Timer | undefined;
}

/**
 * Commands that wait until it is known where they go. Nothing of them was sent, so they may go
 * anywhere. Bounded; a deadline that passes takes one out and rejects it with what `late` returns.
 * A transaction goes or fails as a whole.
 */
export class PendingCommands<Via> {
  readonly #limit: number;
  readonly #timeoutMs: number | undefined;
  readonly #clock: Clock;
  readonly #late: () => Error;
  readonly #entries = new Set<Entry<Via>>();
  #count = 0;

  constructor(limit: number, timeoutMs: number | undefined, clock: Clock, late: () => Error) {
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#late = late;
  }

  get full(): boolean {
    return this.#count >= this.#limit;
  }

  /**
   * There must be room. `timed` is false for blocking commands: they bring a time limit of their
   * own.
   */
  add(commands: readonly Command[], via: Via, timed = true): void {
    const entry: Entry<Via> = { commands, via, timer: undefined };
    if (timed && this.#timeoutMs !== undefined) {
      entry.timer = judgeAfter(this.#clock, this.#timeoutMs, () => {
        this.#take(entry);
        refuseAll(commands, this.#late);
      });
    }
    this.#entries.add(entry);
    this.#count += commands.length;
  }

  /** All that wait, in the order in which they came; they wait no longer. */
  takeAll(): readonly Pending<Via>[] {
    const entries = [...this.#entries];
    for (const entry of entries) this.#take(entry);
    return entries;
  }

  /** The client is closed. */
  close(service: string): void {
    for (const { commands } of this.takeAll()) {
      refuseAll(commands, () => new FairleadError('FAIRLEAD_CLOSED', 'Connection is closed.', { service }));
    }
  }

  #take(entry: Entry<Via>): void {
    if (!this.#entries.delete(entry)) return;
    entry.timer?.cancel();
    this.#count -= entry.commands.length;
  }
}
