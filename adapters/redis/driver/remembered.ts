import type { Command, RedisOptions } from 'ioredis';

export interface RememberedHost {
  /** Connections that are made from now on are others than those of before. */
  changed(): void;
  /** The server has changed to another database. */
  selected(db: number): void;
}

/**
 * SELECT, AUTH and CLIENT SETNAME are sent to every connection there is; they become options for
 * the connections to come.
 */
export class Remembered {
  readonly #options: RedisOptions;
  readonly #host: RememberedHost;

  /** Writes into the options. */
  constructor(options: RedisOptions, host: RememberedHost) {
    this.#options = options;
    this.#host = host;
  }

  /** `name`: the command's, in lower case. It is about to be sent. */
  take(command: Command, name: string): void {
    const args = command.args.map(String);
    if (name !== 'select') onAnswer(command, () => this.#login(name, args));
    else if (/^\d+$/.test(args[0] ?? '')) this.#select(command, Number(args[0]));
  }

  /**
   * At once, and back if it is refused: what the caller sends next is for that database, by
   * whatever connection it goes.
   */
  #select(command: Command, db: number): void {
    const { db: before = 0 } = this.#options;
    if (db === before) return;
    this.#options.db = db;
    this.#host.changed();
    onAnswer(command, () => this.#host.selected(db));
    command.promise.catch(() => {
      if (this.#options.db !== db) return;
      this.#options.db = before;
      this.#host.changed();
    });
  }

  #login(name: string, args: readonly string[]): void {
    const [first, second] = args;
    if (name === 'client') this.#options.connectionName = second!;
    else if (second === undefined) this.#options.password = first!;
    else {
      this.#options.username = first!;
      this.#options.password = second;
    }
    this.#host.changed();
  }
}

/** Before the caller hears of it. */
function onAnswer(command: Command, act: () => void): void {
  const { resolve } = command;
  command.resolve = (reply) => {
    act();
    resolve(reply);
  };
}
