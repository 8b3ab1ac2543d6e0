import { Socket } from 'node:net';
import { type Command, Redis, type RedisOptions } from 'ioredis';
import { judgeAfter } from '../../../src/adapter.js';
import type { Clock, Timer } from '../../../src/index.js';
import { coalesceWrites } from './coalesce.js';
import { type CommandCounter, CommandTimes } from './command-times.js';
import { Deadlines, timedOut } from './deadlines.js';
import {
  type CommandItem,
  type CommandQueue,
  type DriverOptions,
  inside,
  unselect,
  type WriteableStream,
} from './inside.js';
import { onReply } from './on-reply.js';
import { isOwn } from './own-command.js';
import { callbackThrew } from './retries.js';
import { concealCommand, concealOptions, describeAs } from './secrets.js';

export interface ConnectionErrors {
  /** For commands that wait for the connection: nothing of them was sent. */
  unsent(cause: Error): Error;
  /** For commands that were sent and not answered. */
  lost(cause: Error): Error;
  /** A command was answered by this error, which its caller is about to hear. */
  answered(error: Error, command: Command): void;
  /** Those that fail by the error of `lost`. */
  broke(commands: readonly Command[]): void;
  /** A command was not answered within `commandTimeout`. */
  late(command: unknown): void;
}

/** What a connection needs besides the options of ioredis. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly errors: ConnectionErrors;
  /**
   * A connection that broke is made again, and what was not sent on the old one may go on the new
   * one as it is. False where it has to be decided anew where it goes: then it fails, and nothing
   * was sent. Default false.
   */
  readonly keepsUnsent?: boolean;
  /** Where its commands are counted. Default: nowhere. */
  readonly counter?: CommandCounter | undefined;
}

/** A command that the server has answered by an error. */
interface Refused extends CommandItem {
  readonly error: Error;
}

/**
 * A connection whose commands fail as soon as it breaks, each with an error that says whether it
 * may have been executed. What is written in one tick leaves in one write, and one timer watches
 * over `commandTimeout`.
 */
class Connection extends Redis {
  readonly #clock: Clock;
  readonly #keepsUnsent: boolean;
  readonly #timeoutMs: number | undefined;
  /** 0: none. */
  readonly #connectTimeoutMs: number;
  #connecting: Timer | undefined;
  readonly #deadlines: Deadlines | undefined;
  readonly #times: CommandTimes | undefined;
  readonly #late: ConnectionErrors['late'];
  /** While ioredis takes a command in: it would arm a timer for each. */
  #ownsDeadline = false;
  /** The command whose error ioredis is dealing with. */
  #failing: Refused | undefined;
  /**
   * The same, once `reconnectOnError` has returned 2 for it; what that sends itself goes its way.
   */
  #judged: Refused | undefined;
  /** Refused by the server, to be sent again on the next connection. */
  #again: Refused[] = [];
  /** It was ready, has broken, and has not been tried again. */
  #justBroke = false;

  constructor(options: RedisOptions, context: ConnectionContext) {
    const { clock, errors, keepsUnsent = false, counter } = context;
    const { commandTimeout, connectTimeout = 0, ...rest } = options;
    super({
      ...rest,
      // Its own keyPrefix was applied when the command was made.
      keyPrefix: '',
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      enableAutoPipelining: false,
      // By its own timer a process that is busy for so long takes a shard for dead that accepted.
      connectTimeout: 0,
    } as DriverOptions);
    this.#connectTimeoutMs = connectTimeout;
    this.#clock = clock;
    this.#keepsUnsent = keepsUnsent;
    this.#timeoutMs = commandTimeout;
    this.#late = errors.late;
    const unanswered = (): number => inside(this).commandQueue.length;
    concealOptions(this.options);
    this.#guardReconnectOnError();
    this.#guardConnector();
    if (commandTimeout !== undefined) {
      this.#deadlines = new Deadlines(commandTimeout, clock, unanswered, (command) => {
        if (!isOwn(command)) this.#times?.late();
        errors.late(command);
      });
      Object.defineProperty(this.options, 'commandTimeout', {
        enumerable: true,
        get: () => (this.#ownsDeadline ? undefined : commandTimeout),
      });
    }
    this.#times = counter && new CommandTimes(clock, counter, unanswered, this.#deadlines?.sentMs);
    this.on('connect', () => {
      const socket = this.stream as Socket;
      coalesceWrites(socket, unanswered, this.#times?.joins);
      // After ioredis, which reads what is in it.
      if (this.#times !== undefined) socket.on('data', () => this.#times?.answered());
    });
    this.on('end', () => this.#deadlines?.clear());
    for (const event of ['connect', 'close', 'end']) this.on(event, () => this.#connecting?.cancel());
    this.#comeBetween(errors);
  }

  /** See `unansweredSinceMs` of the room. */
  get unansweredSinceMs(): number | undefined {
    return this.#deadlines?.oldestMs;
  }

  /** What it throws would unwind the parser of replies. */
  #guardReconnectOnError(): void {
    const { reconnectOnError } = this.options;
    if (typeof reconnectOnError !== 'function') return;
    this.options.reconnectOnError = (error) => {
      try {
        const verdict = reconnectOnError(error);
        if (verdict === 2) this.#judged = this.#failing;
        return verdict;
      } catch (thrown) {
        this.silentEmit('error', callbackThrew('reconnectOnError', thrown));
        return false;
      }
    };
  }

  /**
   * A socket that cannot be made, as for a certificate that cannot be read at the moment, ends a
   * client of ioredis for good, or leaves it connecting. Here it is a connection that failed: it is
   * tried again.
   */
  #guardConnector(): void {
    const { connector } = inside(this);
    const { connect } = connector;
    connector.connect = async (tell) => {
      try {
        return await connect.call(connector, tell);
      } catch (thrown) {
        // `disconnect()` came before it.
        if (!connector.connecting) throw thrown;
        connector.firstError = thrown instanceof Error ? thrown : new Error(String(thrown));
        return new Socket().destroy();
      }
    };
  }

  /** Where ioredis calls methods that it keeps to itself. */
  #comeBetween(errors: ConnectionErrors): void {
    const own = inside(this);
    const { flushQueue, setStatus, handleReconnection } = own;
    own.flushQueue = (reason, which) => {
      const { offlineQueue = true, commandQueue = true } = which ?? {};
      const error = nameLoss(reason);
      concealCommand(error);
      if (offlineQueue && !(this.#justBroke && this.#keepsUnsent)) {
        for (const { command, error: refusal } of this.#again.splice(0)) command.reject(refusal);
        flushQueue.call(this, errors.unsent(error), { offlineQueue, commandQueue: false });
      }
      if (commandQueue) {
        const queue = own.commandQueue;
        this.#times?.broke();
        errors.broke(Array.from({ length: queue.length }, (_, i) => queue.peekAt(i)!.command));
      }
      if (commandQueue) flushQueue.call(this, errors.lost(error), { offlineQueue: false, commandQueue });
    };
    own.setStatus = (status, arg) => {
      // Left in its handshake, which ioredis goes on with.
      if (status === 'ready' && this.stream.destroyed) return;
      if (status === 'close') {
        this.#justBroke = this.status === 'ready';
        nameAborted(own.offlineQueue, errors.unsent);
      } else if (status !== 'reconnecting') this.#justBroke = false;
      setStatus.call(this, status, arg);
      // Before those that came later, which wait in the queue of ioredis.
      if (status === 'ready') for (const item of this.#again.splice(0)) this.#sendIn(item);
    };
    own.handleReconnection = (error, item) => {
      concealCommand(error);
      if (item.command.name === 'select') this.#refuseDatabase(item, error);
      this.#times?.refused(error.message);
      errors.answered(error, item.command);
      this.#failing = { command: item.command, select: item.select, error };
      try {
        handleReconnection.call(this, error, item);
      } finally {
        this.#failing = undefined;
        this.#judged = undefined;
      }
    };
  }

  /**
   * Where it is of the handshake, ioredis would go on in database 0. Such a connection is of no
   * use: it is made again, as one whose password is refused.
   */
  #refuseDatabase(item: CommandItem, error: Error): void {
    unselect(this, item);
    if (this.status === 'connect') this.stream.destroy(error);
  }

  override sendCommand(command: Command, stream?: WriteableStream): unknown {
    if (this.#judged !== undefined) return this.#sendAgain(command, this.#judged);
    const deadlines = this.#deadlines;
    const times = this.#times;
    if (deadlines === undefined && times === undefined) return super.sendCommand(command, stream);
    const ready = this.status === 'ready';
    if (!ready && deadlines !== undefined) this.#timeAlone(command);
    const { commandQueue } = inside(this);
    const before = commandQueue.length;
    const result = deadlines === undefined ? super.sendCommand(command, stream) : this.#sendUntimed(command, stream);
    const sent = commandQueue.length > before;
    if (sent && ready) deadlines?.add(command);
    // What is sent before it is ready is its handshake.
    if (sent) times?.sent(ready ? command : undefined);
    else if (ready && deadlines !== undefined) this.#timeAlone(command);
    return result;
  }

  override connect(callback?: (error?: Error | null) => void): Promise<void> {
    const connected = super.connect(callback as never);
    const { condition } = inside(this);
    // A copy of the password, for the handshake.
    if (condition?.auth) Object.defineProperty(condition, 'auth', { value: condition.auth, enumerable: false });
    this.#limitConnecting();
    return connected;
  }

  #limitConnecting(): void {
    this.#connecting?.cancel();
    if (this.#connectTimeoutMs === 0) return;
    const late = (): void => {
      if (this.status === 'connecting') inside(this).connector.stream?.destroy(connectTimedOut());
    };
    this.#connecting = judgeAfter(this.#clock, this.#connectTimeoutMs, late, 'after');
  }

  override disconnect(reconnect = false): void {
    const { connector } = inside(this);
    // ioredis would wait for the end of a stream that has ended, and keep the process alive
    // meanwhile.
    if (connector.stream?.closed) connector.stream = undefined;
    super.disconnect(reconnect);
  }

  override silentEmit(event: string, argument?: unknown): boolean {
    if (event === 'error') concealCommand(argument);
    return super.silentEmit(event, argument);
  }

  /**
   * `reconnectOnError` returned 2. ioredis would queue it behind a connection that is about to
   * close, which here fails all that waits. What belongs to a transaction cannot be sent without
   * the rest of it.
   */
  #sendAgain(command: Command, judged: Refused): unknown {
    if (command !== judged.command) command.resolve(Buffer.from('OK'));
    else if (!this.#keepsUnsent || command.inTransaction) command.reject(judged.error);
    else {
      this.#again.push(judged);
      this.#timeAlone(command);
    }
    return command.promise;
  }

  /** ioredis selects afterwards what was selected before. */
  #sendIn({ command, select }: CommandItem): void {
    if (inside(this).condition?.select !== select) this.select(select).catch(() => {});
    this.sendCommand(command);
  }

  #sendUntimed(command: Command, stream: WriteableStream | undefined): unknown {
    this.#ownsDeadline = true;
    try {
      return super.sendCommand(command, stream);
    } finally {
      this.#ownsDeadline = false;
    }
  }

  /**
   * What waits for the connection is answered in no order: its handshake comes later, and first.
   */
  #timeAlone(command: Command): void {
    if (this.#timeoutMs === undefined) return;
    const timer = judgeAfter(this.#clock, this.#timeoutMs, () => {
      this.#late(command);
      command.reject(timedOut());
    });
    const settled = (): void => timer.cancel();
    command.promise.then(settled, settled);
  }
}

/**
 * ioredis fails what waits by a count of retries, which is fixed here and says nothing to a caller.
 */
function nameLoss(reason: Error): Error {
  return reason.name === 'MaxRetriesPerRequestError' ? new Error('Connection is closed.') : reason;
}

/**
 * Where a connection breaks between MULTI and what follows it, that waits, and ioredis fails it by
 * an error of its own, which has the arguments and does not say that nothing was sent.
 */
function nameAborted(queue: CommandQueue, name: (cause: Error) => Error): void {
  for (let i = 0; i < queue.length; i++) {
    const { command } = queue.peekAt(i)!;
    const { reject } = command;
    command.reject = (error) => {
      if (error.name !== 'AbortError') return reject(error);
      concealCommand(error);
      reject(name(error));
    };
  }
}

/**
 * Shows what others do. What the server shows may arrive with its answer to MONITOR, which ioredis
 * has read only by the next turn: it would take it for an answer that nothing asked for, and
 * connect anew.
 */
class MonitorConnection extends Connection {
  override sendCommand(command: Command, stream?: WriteableStream): unknown {
    if (command.name === 'monitor') {
      onReply(command, (reply) => {
        this.status = 'monitoring' as typeof this.status;
        return reply;
      });
    }
    return super.sendCommand(command, stream);
  }
}

describeAs(Connection.prototype, ({ options: { host, port, db }, status }) => ({ host, port, db, status }));

/** As ioredis has it. */
function connectTimedOut(): Error {
  const fields = { errorno: 'ETIMEDOUT', code: 'ETIMEDOUT', syscall: 'connect' };
  return Object.assign(new Error('connect ETIMEDOUT'), fields);
}

/** Not yet connected. */
export function connectTo(options: RedisOptions, context: ConnectionContext): Redis {
  return options.monitor === true ? new MonitorConnection(options, context) : new Connection(options, context);
}
