import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import type { Checkout } from './cluster/checkout.js';
import {
  type DriverConnection,
  escaping,
  type PreparedStatement,
  type QueryCallback,
  type QueryCommand,
} from './driver/driver.js';
import { promiseConnection } from './driver/promise-wrappers.js';
import type { Attempt, Operation } from './session/operation.js';
import {
  ConnectionOperation,
  executeOperation,
  type OperationContext,
  queryOperation,
  textOf,
} from './session/operations.js';
import { Runner, type RunnerContext } from './session/statement-session.js';
import type { Statement } from './statement/classify.js';

type Callback = (error: unknown, result?: unknown) => void;

const LAST: Statement = { route: 'same', effect: 'none', reason: 'belongs to the connection of the session' };
const STATE: Statement = { route: 'same', effect: 'session', reason: 'changes the session' };

/**
 * What `getConnection` gives: to its holder a pool connection of mysql2, in truth a session that
 * takes a real connection with its first statement, and another with the next where that is better.
 * No ORM calls `pool.query`: they all take a connection, run a statement and release it, so this is
 * where their reads find the replicas.
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
    const physical = this.#runner.current?.physical;
    if (physical === undefined) return null;
    physical.threadIdRead = true;
    return physical.connection.threadId ?? null;
  }

  get connection(): this {
    return this;
  }

  /**
   * Set once the connection that held the session's state is lost: what validates pooled
   * connections reads this.
   */
  get _fatalError(): unknown {
    return this.#runner.lost ?? null;
  }

  get _protocolError(): null {
    return null;
  }

  get _closing(): boolean {
    return this.#runner.lost !== undefined;
  }

  get authorized(): boolean {
    return this.#runner.lost === undefined;
  }

  get state(): 'authenticated' | 'error' {
    return this.authorized ? 'authenticated' : 'error';
  }

  get stream(): { readonly destroyed: boolean } {
    return { destroyed: this.#runner.lost !== undefined };
  }

  query(sql: unknown, values?: unknown, callback?: QueryCallback): QueryCommand {
    const operation = queryOperation(this.#context, sql, values, callback);
    this.#runner.run(operation);
    return operation.command;
  }

  /** As in mysql2 an emitter, which with a callback has nothing to tell. */
  execute(sql: unknown, values?: unknown, callback?: QueryCallback): EventEmitter {
    const operation = executeOperation(this.#context, sql, values, callback);
    this.#runner.run(operation);
    return operation.command ?? new EventEmitter();
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

  /**
   * The prepared statement lives on one connection, chosen by its text, and the session stays
   * there.
   */
  prepare(sql: unknown, callback: (error: unknown, statement?: unknown) => void): void {
    const { route } = this.#context.router.route(textOf(sql));
    this.#on(
      { route, effect: 'session', reason: 'prepares a statement' },
      (connection, done) => connection.prepare(sql, done),
      (error, statement) => {
        if (error) callback(error);
        else callback(null, this.#prepared(sql, statement as PreparedStatement));
      },
    );
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

  /** Another user's connection serves nobody after this one: it is closed when released. */
  changeUser(options: unknown, callback?: Callback): void {
    if (typeof options === 'function') {
      this.changeUser({}, options as Callback);
      return;
    }
    const send = ({ physical }: Checkout, done: Callback): void => {
      physical.retired = true;
      physical.connection.changeUser(options, done);
    };
    this.#runner.run(new ConnectionOperation(STATE, send, (error, result) => callback?.(error, result)));
  }

  connect(callback?: Callback): void {
    if (callback !== undefined) process.nextTick(callback, null);
  }

  /**
   * Ends the statement that runs now, by KILL QUERY on its server, beside the pool's limit; one
   * that waits for a connection is not sent at all. Calls back with whether there was one, once the
   * server has answered; the statement itself fails with ER_QUERY_INTERRUPTED. The session goes on.
   */
  cancel(callback?: (error: unknown, cancelled?: boolean) => void): void {
    this.#runner.cancel((error, cancelled) => callback?.(error, cancelled));
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

  /** The same connection with mysql2's promise API. */
  promise(promiseImplementation?: PromiseConstructor): unknown {
    return promiseConnection(this, promiseImplementation);
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
    // Also after a release: what was queued may still run.
    this.#runner.destroy();
    if (this.#released) return;
    this.#released = true;
    this.#onRelease(this);
  }

  close(): void {
    this.destroy();
  }

  [Symbol.dispose](): void {
    this.release();
  }

  /** For util.inspect: what a person wants to see, and no more. */
  describe(): string {
    return `VirtualConnection { threadId: ${this.threadId}, released: ${this.#released} }`;
  }

  /** As `describe`, for JSON. */
  toJSON(): object {
    return { threadId: this.threadId, released: this.#released };
  }

  /** mysql2's statement, whose executions are known to the session. */
  #prepared(sql: unknown, statement: PreparedStatement): unknown {
    const { effect, reason } = this.#context.router.route(textOf(sql));
    const execution: Statement = { route: 'same', effect, reason };
    const execute = (values: unknown, callback?: QueryCallback): void => {
      if (typeof values === 'function')
        this.#runner.run(new Execution(execution, statement, [], values as QueryCallback));
      else this.#runner.run(new Execution(execution, statement, values ?? [], callback));
    };
    const { id, query, columns, parameters } = statement;
    return { id, query, columns, parameters, execute, close: () => statement.close(), _connection: this };
  }

  #on(statement: Statement, act: (connection: DriverConnection, done: Callback) => void, callback?: Callback): void {
    const send = (checkout: Checkout, done: Callback): void => act(checkout.physical.connection, done);
    this.#runner.run(new ConnectionOperation(statement, send, (error, result) => callback?.(error, result)));
  }
}

/** One execution of a statement that is prepared on the connection of its session. */
class Execution implements Operation {
  readonly statement: Statement;
  readonly repeatable = false;
  readonly call = undefined;
  readonly #prepared: PreparedStatement;
  readonly #values: unknown;
  readonly #callback: QueryCallback | undefined;
  #fields: unknown;

  constructor(statement: Statement, prepared: PreparedStatement, values: unknown, callback: QueryCallback | undefined) {
    this.statement = statement;
    this.#prepared = prepared;
    this.#values = values;
    this.#callback = callback;
  }

  send(_checkout: Checkout, attempt: Attempt): void {
    this.#prepared.execute(this.#values, (error, rows, fields) => {
      this.#fields = fields;
      attempt.ended(error, rows);
    });
  }

  settle(error: unknown, rows?: unknown): void {
    this.#callback?.(error, rows, this.#fields);
  }
}

// Outside the class: a computed name has no type that declarations could be made of without a
// checker.
Object.defineProperty(VirtualConnection.prototype, inspect.custom, { value: VirtualConnection.prototype.describe });
