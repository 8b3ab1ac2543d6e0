import type { Clock } from '../../src/index.js';
import { timedOut } from './deadlines.js';
import type { Command } from './driver.js';
import { shardUnavailable } from './errors.js';
import type { Target } from './shard.js';

/** What somebody waits for, and where it goes when the wait is over. */
interface Entry {
  readonly command: Command;
  readonly via: Target;
  readonly blocking: boolean;
  settled: boolean;
}

/**
 * Commands that wait until it is known whether a shard can be used. Nothing of them was sent, so they can go elsewhere.
 * Bounded; a deadline that passes takes one out.
 */
export class Held {
  readonly #limit: number;
  readonly #timeoutMs: number | undefined;
  readonly #clock: Clock;
  #entries: Entry[] = [];

  constructor(limit: number, timeoutMs: number | undefined, clock: Clock) {
    this.#clock = clock;
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
  }

  get full(): boolean {
    return this.#entries.length >= this.#limit;
  }

  /** There must be room. */
  add(command: Command, via: Target, blocking: boolean): void {
    const entry = { command, via, blocking, settled: false };
    // A blocking command brings its own time limit.
    const timeoutMs = blocking ? undefined : this.#timeoutMs;
    const timer =
      timeoutMs === undefined ? undefined : this.#clock.awaited(timeoutMs, () => command.reject(timedOut()));
    const settle = (): void => {
      entry.settled = true;
      timer?.cancel();
      this.#entries = this.#entries.filter((each) => each !== entry);
    };
    command.promise.then(settle, settle);
    this.#entries.push(entry);
  }

  /** To where they were bound, in the order in which they came. */
  release(): void {
    for (const { command, via, blocking, settled } of this.#entries.splice(0)) {
      if (settled) continue;
      if (blocking) via.blocking.send(command);
      else via.send(command);
    }
  }

  /**
   * To somebody else. What is for this shard alone, or belongs to a transaction that was checked as a whole, cannot go
   * anywhere else and fails.
   */
  reroute(service: string, keyless: Target, route: (command: Command) => void): void {
    let inTransaction = false;
    for (const { command, via, settled } of this.#entries.splice(0)) {
      const name = command.name.toLowerCase();
      if (name === 'multi') inTransaction = true;
      if (!settled) {
        if (via === keyless || inTransaction) command.reject(shardUnavailable(service, via.name, 'is down'));
        else route(command);
      }
      if (name === 'exec' || name === 'discard') inTransaction = false;
    }
  }
}
