/**
 * What we use of mysql2, by shape: the types of the driver are those of its public API only, and
 * some of what a pool needs is documented behaviour without a type. Keeping it here keeps it out of
 * everywhere else.
 */
import { EventEmitter } from 'node:events';
import mysql from 'mysql2';
import { judgeAfter, optionReaders } from '../../../src/adapter.js';
import { type Clock, FairleadError } from '../../../src/index.js';

export type QueryCallback = (error: unknown, rows?: unknown, fields?: unknown) => void;

/** A command under way: an emitter of `fields`, `result`, `error`, `end`, with `stream()`. */
export interface QueryCommand extends EventEmitter {
  /** Node's own, and not documented: of how many events there are listeners. */
  readonly _eventsCount?: number;
  sql: string;
  values: unknown;
  onResult: QueryCallback | undefined;
  namedPlaceholders: unknown;
  timeout: number | undefined;
  /** The driver's own timer, from when it is sent. */
  readonly queryTimeout?: NodeJS.Timeout | null;
  /** Whom its stream pauses and resumes. */
  _connection: DriverConnection | null;
  /** What LOAD DATA LOCAL sends, once the server has asked for it. */
  readonly _localStream?: object | null;
  stream(options?: unknown): NodeJS.ReadableStream;
}

/** What `prepare` returns. */
export interface PreparedStatement {
  readonly id: unknown;
  readonly query: unknown;
  readonly columns: unknown;
  readonly parameters: unknown;
  execute(values: unknown, callback?: QueryCallback): EventEmitter;
  close(): unknown;
}

type PromiseWrapper = new (wrapped: unknown, promise?: unknown) => object;

interface HasPromiseApi {
  readonly prototype: { promise(this: EventEmitter): object };
}

/**
 * mysql2's promise wrappers, exported without types by `mysql2/promise`. Asked of its callback API,
 * which loads them only when they are used: ten files.
 */
export function promiseWrappers(): {
  readonly PromisePool: PromiseWrapper;
  readonly PromisePoolConnection: PromiseWrapper;
} {
  const { Pool, PoolConnection } = mysql as unknown as Record<'Pool' | 'PoolConnection', HasPromiseApi>;
  const wrapperOf = ({ prototype }: HasPromiseApi) =>
    prototype.promise.call(new EventEmitter()).constructor as PromiseWrapper;
  return { PromisePool: wrapperOf(Pool), PromisePoolConnection: wrapperOf(PoolConnection) };
}

/** What arrived, between `offset` and `end`; mysql2 uses the object again for the next packet. */
export interface DriverPacket {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
}

export interface DriverParser {
  execute(data: Buffer): void;
}

/** A physical connection of mysql2. */
export interface DriverConnection extends EventEmitter {
  readonly config: Record<string, unknown>;
  readonly threadId: number | null;
  /** How it reads names of columns and messages of errors. */
  clientEncoding?: unknown;
  /** Called with every packet that arrives; without one to begin a command. */
  handlePacket?(packet?: DriverPacket): void;
  /** Cuts what arrives into packets. */
  packetParser?: DriverParser;
  query(sql: unknown, values?: unknown, callback?: QueryCallback): QueryCommand;
  execute(sql: unknown, values?: unknown, callback?: QueryCallback): EventEmitter;
  prepare(sql: unknown, callback: (error: unknown, statement: unknown) => void): unknown;
  unprepare(sql: unknown): unknown;
  changeUser(options: unknown, callback?: QueryCallback): void;
  ping(callback: (error: unknown) => void): void;
  /** From 3.22 on. */
  reset?(callback: (error: unknown) => void): void;
  end(callback?: (error: unknown) => void): void;
  destroy(): void;
  pause(): void;
  resume(): void;
  format(sql: string, values?: unknown, namedPlaceholders?: unknown): string;
  escape(value: unknown): string;
  escapeId(value: unknown): string;
  readonly _fatalError?: unknown;
  readonly _protocolError?: unknown;
  readonly _closing?: boolean;
  /** What is under way on it. */
  readonly _command?: QueryCommand | null;
  /** Ends what is under way, and what waits, with this error. */
  _notifyError?(error: unknown): void;
  /** The server's greeting. */
  readonly _handshakePacket?: { readonly serverVersion?: string };
  readonly stream?: {
    readonly destroyed?: boolean;
    destroy?(error?: Error): void;
    on?(event: 'data', listener: (chunk: Buffer) => void): unknown;
    off?(event: 'data', listener: (chunk: Buffer) => void): unknown;
    once?(event: 'close', listener: () => void): unknown;
  };
}

/** A login takes less than 1 kB, with tickets of Kerberos less than 64 kB. */
const MAX_LOGIN_BYTES = 1_048_576;

/** mysql2's default for `connectTimeout`; milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Opens a connection; it emits `connect` or `error`. Its `connectTimeout` is kept here: by mysql2's
 * own timer a process that is busy for so long takes a server for dead that has answered.
 */
export function openConnection(options: Record<string, unknown>, clock: Clock): DriverConnection {
  const { connectTimeout = CONNECT_TIMEOUT_MS } = options as { readonly connectTimeout?: number };
  const untimed = { ...options, connectTimeout: 0 };
  const connection = mysql.createConnection(untimed as never) as unknown as DriverConnection;
  boundLogin(connection);
  endTimersWith(connection);
  if (connectTimeout > 0) {
    const timer = judgeAfter(clock, connectTimeout, () => connection.stream?.destroy?.(timedOut()), 'after');
    const over = (): void => timer.cancel();
    connection.once('connect', over);
    // One that was refused, or was cut meanwhile, would be kept as long: half a MiB each.
    connection.stream?.once?.('close', over);
  }
  return connection;
}

/** As mysql2 has it. */
function timedOut(): Error {
  const fields = { errorno: 'ETIMEDOUT', code: 'ETIMEDOUT', syscall: 'connect' };
  return Object.assign(new Error('connect ETIMEDOUT'), fields);
}

/**
 * The driver leaves the timer of a command whose connection is lost: the caller would hear a second
 * time, and the process would live on for the command's `timeout`. What was cut without an error is
 * told by that timer alone, which then holds no process.
 */
function endTimersWith(connection: DriverConnection): void {
  const { _notifyError: notify } = connection;
  if (notify !== undefined) {
    connection._notifyError = (error) => {
      const timer = connection._command?.queryTimeout;
      if (connection._command?.onResult !== undefined) clearTimeout(timer ?? undefined);
      notify.call(connection, error);
    };
  }
  connection.stream?.once?.('close', () => void connection._command?.queryTimeout?.unref());
}

/**
 * The driver gathers a packet of any size before it looks at it: one that is no server of MySQL
 * would make it keep, and read, 16 MiB for each try. TLS begins a stream of its own, from a server
 * that spoke the protocol until then.
 */
function boundLogin(connection: DriverConnection): void {
  const { stream } = connection;
  if (stream?.on === undefined) return;
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= MAX_LOGIN_BYTES) return;
    const message = `The server sent more than ${MAX_LOGIN_BYTES} bytes before a login: it does not speak MySQL's protocol.`;
    stream.destroy?.(Object.assign(new Error(message), { code: 'PROTOCOL_PACKETS_OUT_OF_ORDER', fatal: true }));
  };
  stream.on('data', count);
  connection.once('connect', () => stream.off?.('data', count));
}

interface QueryFactory {
  createQuery(sql: unknown, values: unknown, callback: unknown, config: unknown): QueryCommand;
}

/**
 * A query command that is not sent yet: `connection.query(command)` sends it. mysql2's own pool
 * works like this.
 */
export function createQuery(sql: unknown, values: unknown, callback: unknown, config: unknown): QueryCommand {
  return (mysql as unknown as QueryFactory).createQuery(sql, values, callback, config);
}

/** MariaDB reports it in its greeting. */
export function flavorOf(connection: DriverConnection): 'mysql' | 'mariadb' {
  return /mariadb/i.test(connection._handshakePacket?.serverVersion ?? '') ? 'mariadb' : 'mysql';
}

const PASSWORDS = ['password', 'password1', 'password2', 'password3', 'passwordSha1'] as const;

/**
 * Takes the secrets out of a connection that is logged in: printing it, or a command of it, which
 * has a copy of its configuration, would show them. The driver needs them only to change the user,
 * and gets them then.
 */
export function hideSecrets(connection: DriverConnection): void {
  const { config } = connection;
  const secrets: Record<string, unknown> = {};
  for (const name of PASSWORDS) if (config[name] !== undefined) secrets[name] = config[name];
  const clear = (): void => {
    for (const name of PASSWORDS) if (config[name] !== undefined) config[name] = undefined;
  };
  clear();
  // Only to encrypt the connection, which is done; that it is encrypted remains to be seen.
  if (config.ssl) config.ssl = { rejectUnauthorized: (config.ssl as Record<string, unknown>).rejectUnauthorized };
  const changeUser = connection.changeUser.bind(connection);
  connection.changeUser = (options, callback) => {
    if (typeof options === 'function') {
      connection.changeUser({}, options as QueryCallback);
      return;
    }
    changeUser({ ...secrets, ...(options as object) }, (error, ...rest) => {
      clear();
      callback?.(error, ...rest);
    });
  };
}

/**
 * What the driver makes of connection options: defaults, flags, formats. Refuses what it refuses.
 */
export function connectionConfig(options: Record<string, unknown>): Record<string, unknown> {
  const { ConnectionConfig } = mysql as unknown as {
    ConnectionConfig: new (options: unknown) => Record<string, unknown>;
  };
  try {
    return new ConnectionConfig(options);
  } catch (error) {
    // Not as its cause: it shows the whole value.
    const message = optionReaders.withoutCredentials(error instanceof Error ? error.message : String(error));
    throw new FairleadError('FAIRLEAD_INVALID_OPTION', `createPool: mysql2 refuses an option: ${message}.`);
  }
}

/**
 * A TLS profile of mysql2 by its name, such as 'Amazon RDS'. Refuses a name that mysql2 does not
 * know.
 */
export function tlsProfile(name: string): object {
  const { ConnectionConfig } = mysql as unknown as { ConnectionConfig: { getSSLProfile(name: string): object } };
  return ConnectionConfig.getSSLProfile(name);
}

/** The driver's own escaping. */
export const escaping: {
  format(sql: string, values: unknown, stringifyObjects: unknown, timezone: unknown): string;
  escape(value: unknown, stringifyObjects: unknown, timezone: unknown): string;
  escapeId(value: unknown, forbidQualified?: boolean): string;
} = mysql as never;
