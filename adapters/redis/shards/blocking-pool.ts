import { judgeAfter } from '../../../src/adapter.js';
import { type Clock, FairleadError } from '../../../src/index.js';
import { timedOut } from '../driver/deadlines.js';
import {
  type Command,
  endConnection,
  inflightOn,
  ownCommand,
  type Redis,
  type RedisOptions,
  refuse,
} from '../driver/driver.js';
import type { ShardCounts } from './shard-counts.js';
import { type Unblocker, unblock } from './unblock.js';

/** What the connections are made by. */
interface Connector extends Unblocker {
  readonly name: string;
  readonly counts: ShardCounts;
  /** Why nothing can be sent now; undefined where it can. */
  refusal(): Error | undefined;
}

/** What waits at a server that left, and cannot be recalled, fails after this. */
const RETIRE_MS = 1_000;

/** Between two attempts to end a wait that has not begun. */
const UNBLOCK_AGAIN_MS = 20;

/** As the server has it, for one that was recalled before it was sent. */
const unblocked = (): Error => new Error('UNBLOCKED before it was sent');

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
  /** Commands that were sent, and by what. */
  readonly #waiting = new Map<Command, Redis>();
  /** Commands whose connection is being made. */
  readonly #unsent = new Set<Command>();
  readonly #recalled = new WeakSet<Command>();
  /** As the server numbers its connections. */
  readonly #ids = new WeakMap<Redis, Promise<unknown>>();
  #drained: (() => void) | undefined;
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
    refuse(command, refusal);
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
      refuse(command, new FairleadError('FAIRLEAD_NO_CONNECTION', message, { endpoint: this.#connector.name }));
    }
  }

  /** Connections to come are made with other options: those of before are used no more. */
  renew(): void {
    for (const connection of this.#idle.splice(0)) this.#drop(connection);
    for (const connection of this.#all) this.#outdated.add(connection);
  }

  /**
   * Ends its wait, so that it fails with UNBLOCKED unless it was answered before. False where it
   * does not wait here. A user who may not ask for that (`client|id`, `client|unblock`) goes on
   * waiting.
   */
  recall(command: Command): boolean {
    const connection = this.#waiting.get(command);
    if (connection === undefined && !this.#unsent.has(command)) return false;
    this.#recalled.add(command);
    if (connection === undefined) return true;
    // Another command on it could be what the server ends.
    this.#outdated.add(connection);
    // Refused: it goes on waiting.
    this.#unblock(command, connection).catch(() => {});
    return true;
  }

  /**
   * By another connection it may come before what it is to end, so it is said again until that was
   * answered.
   */
  async #unblock(command: Command, connection: Redis): Promise<void> {
    const id = String(await this.#ids.get(connection));
    while (this.#waiting.get(command) === connection && !(await unblock(id, this.#connector))) {
      await new Promise<void>((resolve) => void this.#clock.after(UNBLOCK_AGAIN_MS, resolve));
    }
  }

  recalls(command: Command): boolean {
    return this.#recalled.has(command);
  }

  /** It goes elsewhere, and is not settled here. */
  leave(command: Command): void {
    const connection = this.#waiting.get(command);
    this.#recalled.delete(command);
    if (connection !== undefined) this.#release(command, connection);
  }

  /** Closes as soon as nothing waits, and a second later at most. */
  async retire(): Promise<void> {
    this.#closed = true;
    if (this.#waiting.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#clock.after(RETIRE_MS, resolve);
        this.#drained = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.close();
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
    this.#unsent.add(command);
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
        this.#unsent.delete(command);
        if (late || this.#recalled.has(command)) {
          this.#keep(connection);
          if (!late) command.reject(unblocked());
          return;
        }
        const id = ownCommand('client', ['id']);
        id.promise.catch(() => {});
        this.#ids.set(connection, id.promise);
        connection.sendCommand(id);
        this.#issue(command, connection);
      },
      (error: Error) => {
        timer?.cancel();
        this.#unsent.delete(command);
        command.reject(this.#recalled.has(command) ? unblocked() : this.#connector.unsent(cause ?? error));
        this.#drop(connection);
      },
    );
  }

  #issue(command: Command, connection: Redis): void {
    this.#connector.counts.commands++;
    this.#waiting.set(command, connection);
    const back = (): void => this.#release(command, connection);
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

  #release(command: Command, connection: Redis): void {
    // It may wait elsewhere by now.
    if (this.#waiting.get(command) !== connection) return;
    this.#waiting.delete(command);
    this.#keep(connection);
    if (this.#waiting.size === 0) this.#drained?.();
  }

  #keep(connection: Redis): void {
    const usable = this.#all.has(connection) && !this.#outdated.has(connection) && connection.status === 'ready';
    // By `blockingTimeout` ioredis may have given up what the server still has.
    if (usable && inflightOn(connection) === 0 && this.#idle.length < MAX_IDLE) this.#idle.push(connection);
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
