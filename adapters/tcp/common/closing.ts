import { optionReaders } from '../../../src/adapter.js';
import { DAY_MS } from './options.js';

/** How a proxy of this door is closed. */
export interface CloseOptions {
  /** What is left is ended after this long; milliseconds. Default 10,000; 0 to 86,400,000. */
  readonly deadlineMs?: number;
}

const { number, readOptions } = optionReaders;
const schema = { deadlineMs: number(10_000, 0, DAY_MS) };

/** Closing happens once: who asks again waits for the same end. */
export class Closing {
  readonly #drain: (deadlineMs: number) => Promise<void>;
  #done: Promise<void> | undefined;

  constructor(drain: (deadlineMs: number) => Promise<void>) {
    this.#drain = drain;
  }

  get begun(): boolean {
    return this.#done !== undefined;
  }

  /** Throws FAIRLEAD_INVALID_OPTION. */
  close(options: CloseOptions = {}): Promise<void> {
    const { deadlineMs } = readOptions<{ deadlineMs: number }>('close', options, schema);
    this.#done ??= this.#drain(deadlineMs);
    return this.#done;
  }

  /** By the mesh, whose own limit may be longer. */
  drain(deadlineMs: number): Promise<void> {
    return this.close({ deadlineMs: Math.min(deadlineMs, DAY_MS) });
  }
}
