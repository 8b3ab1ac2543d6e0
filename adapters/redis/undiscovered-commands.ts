import { type Clock, FairleadError, type Timer } from '../../src/index.js';
import { shardUnavailable } from './common/errors.js';
import type { Command, WriteableStream } from './driver/driver.js';

interface Entry {
  readonly command: Command;
  readonly stream: WriteableStream | undefined;
  settled: boolean;
}

/**
 * Commands that came before discovery told of any server. Bounded; a deadline that passes takes one
 * out.
 */
export class Waiting {
  readonly #limit: number;
  readonly #service: string;
  readonly #timeoutMs: number | undefined;
  readonly #clock: Clock;
  #entries: Entry[] = [];

  constructor(limit: number, service: string, timeoutMs: number | undefined, clock: Clock) {
    this.#clock = clock;
    this.#limit = limit;
    this.#service = service;
    this.#timeoutMs = timeoutMs;
  }

  add(command: Command, stream: WriteableStream | undefined): void {
    if (this.#entries.length >= this.#limit) {
      const why = `is not known yet, and ${this.#limit} commands wait for discovery already`;
      command.reject(shardUnavailable(this.#service, 'of the key', why));
      return;
    }
    const entry = { command, stream, settled: false };
    const settle = (): void => {
      if (entry.settled) return;
      entry.settled = true;
      timer?.cancel();
      this.#entries = this.#entries.filter((each) => each !== entry);
    };
    const timer = this.#arm(command);
    command.promise.then(settle, settle);
    this.#entries.push(entry);
  }

  #arm(command: Command): Timer | undefined {
    const timeoutMs = this.#timeoutMs;
    if (timeoutMs === undefined) return undefined;
    return this.#clock.awaited(timeoutMs, () => {
      const message = `Discovery told of no server of '${this.#service}' within commandTimeout ${timeoutMs}. Nothing was sent.`;
      command.reject(new FairleadError('FAIRLEAD_DEADLINE_EXCEEDED', message, { service: this.#service }));
    });
  }

  /** In the order in which they came. */
  flush(send: (command: Command, stream: WriteableStream | undefined) => void): void {
    for (const { command, stream, settled } of this.#entries.splice(0)) if (!settled) send(command, stream);
  }

  close(): void {
    for (const { command } of this.#entries.splice(0)) {
      command.reject(new FairleadError('FAIRLEAD_CLOSED', 'Connection is closed.', { service: this.#service }));
    }
  }
}
