import { FairleadError } from '../../../src/index.js';
import type { Command, Redis, RedisOptions } from '../driver/driver.js';

/** Who makes the connections. */
interface Connector {
  readonly name: string;
  connect(options?: RedisOptions): Redis;
}

/** Kept for the next blocking command: a worker issues one after the other. */
const MAX_IDLE = 4;

/**
 * Connections for commands that wait at the server (BLPOP, XREAD BLOCK …): on the shared one they
 * would hold up everybody. One per command in progress.
 */
export class BlockingPool {
  readonly #limit: number;
  readonly #connector: Connector;
  readonly #idle: Redis[] = [];
  readonly #all = new Set<Redis>();
  #closed = false;

  constructor(limit: number, connector: Connector) {
    this.#limit = limit;
    this.#connector = connector;
  }

  /** Settles the command one way or the other. */
  send(command: Command): void {
    const connection = this.#idle.pop() ?? this.#open();
    if (connection === undefined) {
      const message =
        `${this.#limit} blocking commands wait on shard '${this.#connector.name}' already ` +
        '(maxBlockingConnections). Nothing was sent.';
      command.reject(new FairleadError('FAIRLEAD_NO_CONNECTION', message, { endpoint: this.#connector.name }));
      return;
    }
    const back = (): void => this.#release(connection);
    command.promise.then(back, back);
    connection.sendCommand(command);
  }

  /** The server does not answer: what waits there fails now. */
  abandon(): void {
    this.#idle.length = 0;
    for (const connection of this.#all) connection.disconnect();
    this.#all.clear();
  }

  close(): void {
    this.#closed = true;
    this.abandon();
  }

  #open(): Redis | undefined {
    if (this.#closed || this.#all.size >= this.#limit) return undefined;
    // The command brings its own time limit. One that breaks is not made again: its command has
    // failed.
    const connection = this.#connector.connect({
      commandTimeout: undefined,
      retryStrategy: () => null,
    } as RedisOptions);
    connection.on('error', () => {});
    connection.on('end', () => this.#forget(connection));
    this.#all.add(connection);
    return connection;
  }

  #release(connection: Redis): void {
    if (this.#all.has(connection) && connection.status === 'ready' && this.#idle.length < MAX_IDLE) {
      this.#idle.push(connection);
    } else {
      this.#forget(connection);
      connection.disconnect();
    }
  }

  #forget(connection: Redis): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }
}
