import { EventEmitter } from 'node:events';
import type { Checkout } from './cluster.js';
import { type DriverConnection, escaping, type QueryCallback, type QueryCommand } from './driver.js';
import {
  connectionOperation,
  executeOperation,
  type OperationContext,
  queryOperation,
  readArguments,
} from './operations.js';
import { Runner, type RunnerContext } from './runner.js';
import type { Statement } from './statement/classify.js';

type Callback = (error: unknown, result?: unknown) => void;

const LAST: Statement = { route: 'same', effect: 'none', reason: 'belongs to the connection of the session' };
const STATE: Statement = { route: 'same', effect: 'session', reason: 'changes the session' };

/**
 * What `getConnection` gives: to its holder a pool connection of mysql2, in truth a session that takes a real
 * connection with its first statement, and another with the next where that is better. No ORM calls `pool.query`: they
 * all take a connection, run a statement and release it, so this is where their reads find the replicas.
 */
export class VirtualConnection extends EventEmitter {
  readonly config: Record<string, unknown>;
  readonly #context: OperationContext;
  readonly #runner: Runner;
  readonly #onRelease: (connection: VirtualConnection) => void;
  #released = false;

  constructor(context: OperationContext, runner: RunnerContext, onRelease: (connection: VirtualConnection) => void) {
    super();
    this.config = context.config;
    this.#context = context;
    this.#runner = new Runner(runner);
    this.#onRelease = onRelease;
  }

  /** Of the server the latest statement ran on; null before. */
  get threadId(): number | null {
    return this.#runner.current?.physical.connection.threadId ?? null;
  }

  get connection(): this {
    return this;
  }

  query(sql: unknown, values?: unknown, callback?: QueryCallback): QueryCommand {
    const read = readArguments(values, callback);
    const { operation, command } = queryOperation(this.#context, sql, read.values, read.callback);
    this.#runner.run(operation);
    return command;
  }

  execute(sql: unknown, values?: unknown, callback?: QueryCallback): void {
    const read = readArguments(values, callback);
    this.#runner.run(executeOperation(this.#context, sql, read.values, read.callback));
  }

  beginTransaction(callback?: QueryCallback): QueryCommand {
    return this.query('START TRANSACTION', callback);
  }

  commit(callback?: QueryCallback): QueryCommand {
    return this.query('COMMIT', callback);
  }

  rollback(callback?: QueryCallback): QueryCommand {
    return this.query('ROLLBACK', callback);
  }

  /** The prepared statement lives on one connection, so the session stays there. */
  prepare(sql: unknown, callback: (error: unknown, statement?: unknown) => void): void {
    this.#on(STATE, (connection, done) => connection.prepare(sql, done), callback);
  }

  unprepare(sql: unknown): void {
    this.#on(LAST, (connection, done) => {
      connection.unprepare(sql);
      done(null);
    });
  }

  ping(callback?: Callback): void {
    this.#on(LAST, (connection, done) => connection.ping(done), callback);
  }

  reset(callback?: Callback): void {
    this.#on(STATE, (connection, done) => connection.reset(done), callback);
  }

  changeUser(options: unknown, callback?: Callback): void {
    if (typeof options === 'function') {
      this.changeUser({}, options as Callback);
      return;
    }
    this.#on(STATE, (connection, done) => connection.changeUser(options, done), callback);
  }

  connect(callback?: Callback): void {
    if (callback !== undefined) process.nextTick(callback, null);
  }

  pause(): void {
    this.#runner.current?.physical.connection.pause();
  }

  resume(): void {
    this.#runner.current?.physical.connection.resume();
  }

  format(sql: string, values?: unknown): string {
    return escaping.format(sql, values, this.config.stringifyObjects, this.config.timezone);
  }

  escape(value: unknown): string {
    return escaping.escape(value, this.config.stringifyObjects, this.config.timezone);
  }

  escapeId(value: unknown): string {
    return escaping.escapeId(value, false);
  }

  /** Gives the session back. What is queued runs first. Idempotent. */
  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#runner.release();
    this.#onRelease(this);
  }

  /** As in mysql2's pools, ending a pooled connection releases it. */
  end(callback?: Callback): void {
    this.release();
    if (callback !== undefined) process.nextTick(callback, null);
  }

  destroy(): void {
    if (this.#released) return;
    this.#released = true;
    this.#runner.destroy();
    this.#onRelease(this);
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #on(statement: Statement, act: (connection: DriverConnection, done: Callback) => void, callback?: Callback): void {
    const send = (checkout: Checkout, done: Callback): void => act(checkout.physical.connection, done);
    this.#runner.run(connectionOperation(statement, send, (error, result) => callback?.(error, result)));
  }
}
