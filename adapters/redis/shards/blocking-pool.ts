import { judgeAfter } from '../../../src/adapter.js';
import { type Clock, FairleadError } from '../../../src/index.js';
import { timedOut } from '../driver/deadlines.js';
import { type Command, endConnection, type Redis, type RedisOptions } from '../driver/driver.js';
import type { ShardCounts } from './shard-counts.js';

/** What the connections are made by. */
interface Connector {
  readonly name: string;
  connect(options?: RedisOptions): Redis;
  readonly counts: ShardCounts;
  /** Why nothing can be sent now; undefined where it can. */
  refusal(): Error | undefined;
  /** The error of a command that was not sent. */
  unsent(cause: Error): Error;
}

/** Kept for the next blocking command: a worker issues one after the other. */
const MAX_IDLE = 4;

/**
 * Connections for commands that wait at the server (BLPOP, XREAD BLOCK …): on the shared one they
 * would hold up all others. One per command in progress.
 */
export class BlockingPool {
  readonly #connector: Connector;
  readonly #limit: number;
  /** For a new connection; the command itself brings its own time limit. */
  readonly #timeoutMs: number | undefined;
  readonly #clock: Clock;
  readonly #idle: Redis[] = [];
  readonly #all = new Set<Redis>();
  readonly #outdated = new WeakSet<Redis>();
  #closed = false;

  constructor(connector: Connector, limit: number, timeoutMs: number | undefined, clock: Clock) {
    this.#connector = connector;
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
    this.#clock = clock;
  }

  /** Connections there are. */
  get size(): number {
    return this.#all.size;
  }

  /**
   * Settles the command one way or the other. One that waits at a server which is not used would
   * wait there for nothing, or take what nobody may take.
   */
  send(command: Command): void {
    const refusal = this.#connector.refusal();
    if (refusal === undefined) {
      this.issue(command);
      return;
    }
    this.#connector.counts.refused++;
    command.reject(refusal);
  }

  /** The same, whatever the state of the shard: for reads of one that is a replica now. */
  issue(command: Command): void {
    const idle = this.#idle.pop();
    if (idle !== undefined) this.#issue(command, idle);
    else if (!this.#closed && this.#all.size < this.#limit) this.#sendByNew(command);
    else {
      this.#connector.counts.refused++;
      const message =
        `${this.#limit} blocking commands wait on shard '${this.#connector.name}' already ` +
        '(maxBlockingConnections). Nothing was sent.';
      command.reject(new FairleadError('FAIRLEAD_NO_CONNECTION', message, { endpoint: this.#connector.name }));
    }
  }

  /** Connections to come are made with other options: those of before are used no more. */
  renew(): void {
    for (const connection of this.#idle.splice(0)) this.#drop(connection);
    for (const connection of this.#all) this.#outdated.add(connection);
  }

  /** The server does not answer: what waits there fails now. */
  abandon(): void {
    this.#idle.length = 0;
    for (const connection of this.#all) endConnection(connection);
    this.#all.clear();
  }

  close(): void {
    this.#closed = true;
    this.abandon();
  }

  /**
   * By no queue of ioredis: it has none with `enableOfflineQueue: false`, and counts the time there
   * as the command's.
   */
  #sendByNew(command: Command): void {
    const connection = this.#open();
    let late = false;
    let cause: Error | undefined;
    const failed = (error: Error): void => {
      cause = error;
    };
    connection.on('error', failed);
    const timer =
      this.#timeoutMs === undefined
        ? undefined
        : judgeAfter(this.#clock, this.#timeoutMs, () => {
            late = true;
            command.reject(timedOut());
          });
    connection.connect().then(
      () => {
        timer?.cancel();
        connection.off('error', failed);
        if (late) this.#release(connection);
        else this.#issue(command, connection);
      },
      (error: Error) => {
        timer?.cancel();
        command.reject(this.#connector.unsent(cause ?? error));
        this.#drop(connection);
      },
    );
  }

  #issue(command: Command, connection: Redis): void {
    this.#connector.counts.commands++;
    const back = (): void => this.#release(connection);
    command.promise.then(back, back);
    connection.sendCommand(command);
  }

  #open(): Redis {
    // One that breaks is not made again: its command has failed.
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
    const usable = this.#all.has(connection) && !this.#outdated.has(connection) && connection.status === 'ready';
    if (usable && this.#idle.length < MAX_IDLE) this.#idle.push(connection);
    else this.#drop(connection);
  }

  #drop(connection: Redis): void {
    this.#forget(connection);
    connection.disconnect();
  }

  #forget(connection: Redis): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
  }
}
