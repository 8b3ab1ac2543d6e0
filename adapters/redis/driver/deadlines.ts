import { judgeAfter } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';

/**
 * What is timed: a command of ioredis. `isSettled` came with version 6; version 5 has `isResolved`
 * alone.
 */
export interface TimedCommand {
  readonly isSettled?: boolean;
  readonly isResolved?: boolean;
  reject(error: Error): void;
}

/**
 * One time limit for all commands of a connection, by one timer. ioredis arms a timer per command,
 * which costs a fifth of what sending it costs. A connection answers in order, so what it has not
 * answered yet is at the end of this queue.
 */
export class Deadlines {
  readonly #timeoutMs: number;
  readonly #clock: Clock;
  /**
   * Commands that the connection has not answered. There may be others among them, never one of
   * these less.
   */
  readonly #unanswered: () => number;
  readonly #late: (command: TimedCommand) => void;
  /** Undefined before `#head`: a command that was answered may hold a megabyte. */
  #commands: (TimedCommand | undefined)[] = [];
  /** When the latest command was sent, for others who would look at the clock as well. */
  readonly sentMs: Float64Array = new Float64Array(1);
  /** When each of them is overdue. */
  #dueMs: number[] = [];
  #head = 0;
  #timer: Timer | undefined;

  /** `late` is called with each command that was not answered in time. */
  constructor(timeoutMs: number, clock: Clock, unanswered: () => number, late: (command: TimedCommand) => void) {
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
    this.#unanswered = unanswered;
    this.#late = late;
  }

  /** Watched now: the unanswered ones, and those answered since the last `add`. */
  get size(): number {
    return this.#commands.length - this.#head;
  }

  /** When the first of those that are unanswered was sent; undefined where none is. */
  get oldestMs(): number | undefined {
    this.#dropAnswered();
    return this.size === 0 ? undefined : this.#dueMs[this.#head]! - this.#timeoutMs;
  }

  /** The command was sent. O(1), amortized. */
  add(command: TimedCommand): void {
    this.sentMs[0] = this.#clock.now();
    this.#commands.push(command);
    this.#dueMs.push(this.sentMs[0]! + this.#timeoutMs);
    this.#dropAnswered();
    this.#timer ??= judgeAfter(this.#clock, this.#timeoutMs, this.#look, 'after');
  }

  /** The connection was closed, and all its commands are settled. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#head = this.#commands.length;
    this.#compact();
  }

  readonly #look = (): void => {
    this.#timer = undefined;
    this.#dropAnswered();
    const nowMs = this.#clock.now();
    while (this.size > 0 && this.#dueMs[this.#head]! <= nowMs) {
      const command = this.#shift()!;
      if (command.isSettled ?? command.isResolved) continue;
      this.#late(command);
      command.reject(timedOut());
    }
    this.#compact();
    if (this.size === 0) return;
    this.#timer = judgeAfter(this.#clock, this.#dueMs[this.#head]! - nowMs, this.#look, 'after');
  };

  #dropAnswered(): void {
    const unanswered = this.#unanswered();
    while (this.size > unanswered) this.#shift();
    this.#compact();
  }

  #shift(): TimedCommand | undefined {
    const command = this.#commands[this.#head];
    this.#commands[this.#head++] = undefined;
    return command;
  }

  /** Now and then, so that it costs next to nothing per command. */
  #compact(): void {
    const { length } = this.#commands;
    if (this.#head < length && (this.#head < COMPACT_AT || this.#head * 2 < length)) return;
    this.#commands.splice(0, this.#head);
    this.#dueMs.splice(0, this.#head);
    this.#head = 0;
  }
}

/** As ioredis words it. */
export function timedOut(): Error {
  return new Error('Command timed out');
}

/** Empty places kept at most, beyond as many as there are commands. */
const COMPACT_AT = 1_024;
