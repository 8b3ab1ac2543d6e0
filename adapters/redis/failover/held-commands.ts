import { type Clock, FairleadError, type Timer } from '../../../src/index.js';
import { shardUnavailable } from '../common/errors.js';
import { timedOut } from '../driver/deadlines.js';
import { type Command, refuseAll } from '../driver/driver.js';
import type { Target } from '../shards/shard.js';

/**
 * What somebody waits for, and where it goes when the wait is over: one command, or a transaction
 * as a whole.
 */
interface Entry {
  readonly commands: readonly Command[];
  readonly via: Target;
  readonly blocking: boolean;
  timer: Timer | undefined;
}

/**
 * Commands that wait until it is known whether a shard can be used. Nothing of them was sent, so
 * they can go elsewhere. Bounded; a deadline that passes takes one out. A transaction goes or fails
 * as a whole.
 */
export class HeldCommands {
  readonly #limit: number;
  readonly #timeoutMs: number | undefined;
  readonly #clock: Clock;
  readonly #entries = new Set<Entry>();
  #count = 0;

  constructor(limit: number, timeoutMs: number | undefined, clock: Clock) {
    this.#clock = clock;
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
  }

  get full(): boolean {
    return this.#count >= this.#limit;
  }

  /** There must be room. */
  add(commands: readonly Command[], via: Target, blocking: boolean): void {
    const entry: Entry = { commands, via, blocking, timer: undefined };
    const late = (): void => {
      this.#take(entry);
      refuseAll(commands, timedOut);
    };
    // A blocking command brings its own time limit.
    if (!blocking && this.#timeoutMs !== undefined) entry.timer = this.#clock.awaited(this.#timeoutMs, late);
    this.#entries.add(entry);
    this.#count += commands.length;
  }

  /** To where they were bound, in the order in which they came. */
  release(): void {
    for (const { commands, via, blocking } of this.#takeAll()) {
      const [command] = commands;
      if (commands.length > 1) via.sendTogether(commands);
      else if (blocking) via.blocking.send(command!);
      else via.send(command!);
    }
  }

  /**
   * To somebody else. What is for this shard alone, or belongs to a transaction that was checked as
   * a whole, cannot go anywhere else and fails.
   */
  reroute(service: string, keyless: Target, route: (command: Command) => void): void {
    for (const { commands, via } of this.#takeAll()) {
      const [command] = commands;
      if (via !== keyless && commands.length === 1) route(command!);
      else refuseAll(commands, () => shardUnavailable(service, via.name, 'is down'));
    }
  }

  /** The client is closed. */
  close(service: string): void {
    for (const { commands } of this.#takeAll()) {
      refuseAll(commands, () => new FairleadError('FAIRLEAD_CLOSED', 'Connection is closed.', { service }));
    }
  }

  #takeAll(): readonly Entry[] {
    const entries = [...this.#entries];
    for (const entry of entries) this.#take(entry);
    return entries;
  }

  #take(entry: Entry): void {
    if (!this.#entries.delete(entry)) return;
    entry.timer?.cancel();
    this.#count -= entry.commands.length;
  }
}
