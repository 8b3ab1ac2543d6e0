import type { Socket } from 'node:net';
import { Command, Redis, type RedisOptions } from 'ioredis';
import type { Clock } from '../../../src/index.js';
import { coalesceWrites } from './coalesce.js';
import { Deadlines, timedOut } from './deadlines.js';
import { isSort, sortKeys } from './sort-keys.js';

/**
 * The parts of ioredis 5 and 6 that it does not declare. Everything that leans on its inside goes
 * through this file.
 */
interface Inside {
  readonly offlineQueue: { readonly length: number };
  readonly commandQueue: { readonly length: number };
  flushQueue(error: Error, options?: { offlineQueue?: boolean; commandQueue?: boolean }): void;
  setStatus(status: string, arg?: unknown): void;
}

/**
 * The mapping of RESP3 replies is a type parameter of ioredis 6; here it is known at run time only.
 */
export type DriverOptions = RedisOptions & { replyMapping?: 'legacy' };

const inside = (redis: Redis): Inside => redis as unknown as Inside;

export interface ConnectionErrors {
  /** For commands that wait for the connection: nothing of them was sent. */
  unsent(cause: Error): Error;
  /** For commands that were sent and not answered. */
  lost(cause: Error): Error;
}

/** What a connection needs besides the options of ioredis. */
export interface ConnectionContext {
  readonly clock: Clock;
  readonly errors: ConnectionErrors;
}

/**
 * A connection whose commands fail as soon as it breaks, each with an error that says whether it
 * may have been executed. What is written in one tick leaves in one write, and one timer watches
 * over `commandTimeout`.
 */
class Connection extends Redis {
  readonly #clock: Clock;
  readonly #timeoutMs: number | undefined;
  readonly #deadlines: Deadlines | undefined;
  /** While ioredis takes a command in: it would arm a timer for each. */
  #ownsDeadline = false;

  constructor(options: RedisOptions, { clock, errors }: ConnectionContext) {
    const { commandTimeout, ...rest } = options;
    super({
      ...rest,
      // Its own keyPrefix was applied when the command was made.
      keyPrefix: '',
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
      enableAutoPipelining: false,
    } as DriverOptions);
    this.#clock = clock;
    this.#timeoutMs = commandTimeout;
    if (commandTimeout !== undefined) {
      this.#deadlines = new Deadlines(commandTimeout, clock, () => inside(this).commandQueue.length);
      Object.defineProperty(this.options, 'commandTimeout', {
        enumerable: true,
        get: () => (this.#ownsDeadline ? undefined : commandTimeout),
      });
    }
    this.on('connect', () => coalesceWrites(this.stream as Socket, () => inside(this).commandQueue.length));
    this.on('end', () => this.#deadlines?.clear());
    const { flushQueue } = inside(this);
    inside(this).flushQueue = (error, which) => {
      const { offlineQueue = true, commandQueue = true } = which ?? {};
      if (offlineQueue) flushQueue.call(this, errors.unsent(error), { offlineQueue, commandQueue: false });
      if (commandQueue) flushQueue.call(this, errors.lost(error), { offlineQueue: false, commandQueue });
    };
  }

  override sendCommand(command: Command, stream?: WriteableStream): unknown {
    const deadlines = this.#deadlines;
    if (deadlines === undefined) return super.sendCommand(command, stream);
    if (this.status !== 'ready') {
      this.#timeAlone(command);
      return this.#sendUntimed(command, stream);
    }
    const { commandQueue } = inside(this);
    const before = commandQueue.length;
    const result = this.#sendUntimed(command, stream);
    if (commandQueue.length > before) deadlines.add(command);
    return result;
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
    const timer = this.#clock.awaited(this.#timeoutMs!, () => command.reject(timedOut()));
    const settled = (): void => timer.cancel();
    command.promise.then(settled, settled);
  }
}

/** Not yet connected. */
export function connectTo(options: RedisOptions, context: ConnectionContext): Redis {
  return new Connection(options, context);
}

export function waitingOn(connection: Redis): number {
  return inside(connection).offlineQueue.length;
}

/** Sets the status and emits the event of that name, as ioredis does it. */
export function setStatus(redis: Redis, status: string, arg?: unknown): void {
  if (redis.status === status) return;
  inside(redis).setStatus(status, arg);
}

/**
 * The keys that ioredis sees in a command. Where one is missing it would write `undefined` into the
 * arguments.
 */
export function keysOf(command: Command): (string | Buffer)[] {
  const { length } = command.args;
  if (length === 0) return [];
  if (isSort(command.name)) return sortKeys(command.args as (string | Buffer)[]);
  const keys = command.getKeys() as (string | Buffer | undefined)[];
  if (command.args.length > length) command.args.length = length;
  return keys.every((key) => key !== undefined)
    ? (keys as (string | Buffer)[])
    : keys.filter((key) => key !== undefined);
}

let builtin: ReadonlySet<string> | undefined;

/** True for the name, in lower case, of a command that ioredis knows. */
export function isBuiltin(name: string): boolean {
  builtin ??= new Set(new Redis({ lazyConnect: true }).getBuiltinCommands());
  return builtin.has(name);
}

/** A part of another command; its reply stays in buffers until the whole is put together. */
export function partOf(command: Command, args: readonly unknown[]): Command {
  return new Command(command.name, args as never, { replyEncoding: null } as never);
}

/** A command of our own. */
export function ownCommand(name: string, args: readonly (string | Buffer)[] = []): Command {
  return new Command(name, args as never, { replyEncoding: 'utf8' } as never);
}

/** As `ownCommand`, with the reply in bytes. */
export function rawCommand(name: string, args: readonly (string | Buffer)[]): Command {
  return new Command(name, args as never, { replyEncoding: null } as never);
}

/**
 * Commands of a pipeline are numbered so that ioredis can tell a torn one; split, the numbers mean
 * nothing.
 */
export function leavePipeline(command: Command): void {
  if (command.pipelineIndex !== undefined) command.pipelineIndex = undefined as never;
}

/**
 * Gives the keys of a command other names. `keys`: those that were found in it, for commands in
 * which ioredis finds none itself; each is looked for among the arguments.
 */
export function renameKeys(
  command: Command,
  keys: readonly (string | Buffer)[],
  rename: (key: string | Buffer) => string | Buffer,
): void {
  const own = command as unknown as KeyedCommand;
  const { length } = own.args;
  if (keysOf(command).length > 0) {
    // It remembers what it found. A key that is missing stays missing.
    own.keys = undefined;
    own._iterateKeys((key) => (key === undefined ? key : rename(key)));
    own.args.length = length;
    return;
  }
  let from = 0;
  for (const key of keys) {
    const at = own.args.indexOf(key, from);
    if (at === -1) continue;
    own.args[at] = rename(key);
    from = at + 1;
  }
}

interface KeyedCommand {
  keys: readonly (string | Buffer)[] | undefined;
  readonly args: (string | Buffer)[];
  _iterateKeys(rename: (key: string | Buffer | undefined) => string | Buffer | undefined): void;
}

export { Command, Redis, type RedisOptions };

/** Types of ioredis that it does not export, taken from the methods that use them. */
export type WriteableStream = NonNullable<Parameters<Redis['sendCommand']>[1]>;

export type Callback<T> = (error?: Error | null, result?: T) => void;

/**
 * Rejects each by an error object of its own: in a transaction, ioredis writes the others into that
 * of EXEC.
 */
export function refuseAll(commands: readonly Command[], refusal: () => Error): void {
  for (const command of commands) command.reject(refusal());
}

/** SELECT, AUTH and CLIENT SETNAME become options, for the connections to come. */
export function rememberIn(options: RedisOptions, name: string, args: readonly (string | Buffer)[]): void {
  const [first, second] = args.map(String);
  if (name === 'select') options.db = Number(first);
  else if (name === 'client') options.connectionName = second!;
  else if (second === undefined) options.password = first!;
  else {
    options.username = first!;
    options.password = second;
  }
}
