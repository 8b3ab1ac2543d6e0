import { EventEmitter } from 'node:events';
import { inspect } from 'node:util';
import type { Checkout } from './cluster/checkout.js';
import { LateEmitter } from './common/late-emitter.js';
import type { BeginSettings } from './common/transaction-options.js';
import { changeUser } from './connections/prepare.js';
import { type DriverConnection, escaping, type QueryCallback, type QueryCommand } from './driver/driver.js';
import { promiseConnection } from './driver/promise-wrappers.js';
import { ConnectionOperation, executeOperation, type OperationContext, queryOperation } from './session/operations.js';
import { prepareStatement } from './session/prepared-statement.js';
import { Runner, type RunnerContext } from './session/statement-session.js';
import type { Statement } from './statement/verdicts.js';

type Callback = (error: unknown, result?: unknown) => void;

const LAST: Statement = {
  route: 'same',
  effect: 'none',
  onReplica: 'never',
  reason: 'belongs to the connection of the session',
};
const RESET: Statement = { route: 'same', effect: 'reset', onReplica: 'never', reason: 'ends what the session holds' };
const USER: Statement = { route: 'primary', effect: 'user', onReplica: 'never', reason: 'logs the session in anew' };

/**
 * What `getConnection` returns: to the caller a pool connection of mysql2, in fact a session that
 * takes a real connection with its first statement, and another with the next where that is better.
 * No ORM calls `pool.query`: they all take a connection, run a statement and release it, so this is
 * where their reads find the replicas.
 */
export class VirtualConnection extends LateEmitter {
  #context: OperationContext;
  #ownsConfig = false;
  readonly #runner: Runner;
  readonly #onRelease: (connection: VirtualConnection) => void;
  #released = false;

  constructor(context: OperationContext, runner: RunnerContext, onRelease: (connection: VirtualConnection) => void) {
    super();
    this.#context = context;
    this.#runner = new Runner(runner);
    this.#onRelease = onRelease;
  }

  /** The options of this connection. What is changed there holds for it alone. */
  get config(): Record<string, unknown> {
    if (!this.#ownsConfig) {
      this.#ownsConfig = true;
      this.#context = { ...this.#context, config: { ...this.#context.config } };
    }
    return this.#context.config;
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

  get state(): 'authenticated' | 'disconnected' | 'error' {
    if (this.#runner.isDestroyed) return 'disconnected';
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

  /** As in mysql2 an emitter, which with a callback emits nothing. */
  execute(sql: unknown, values?: unknown, callback?: QueryCallback): EventEmitter {
    const operation = executeOperation(this.#context, sql, values, callback);
    this.#runner.run(operation);
    return operation.command ?? new EventEmitter();
  }

  beginTransaction(callback?: QueryCallback): QueryCommand {
    return this.query('START TRANSACTION', callback);
  }

  /** As `beginTransaction`, where it may be read-only, or have an isolation level of its own. */
  begin({ readOnly, isolationLevel }: BeginSettings, callback: Callback): void {
    const start = readOnly ? 'START TRANSACTION READ ONLY' : 'START TRANSACTION';
    const { queryTimeoutMs } = this.#context;
    // They are statements without a timeout of their own, as any.
    const timed = (sql: string): object => (queryTimeoutMs === 0 ? { sql } : { sql, timeout: queryTimeoutMs });
    const send = (connection: DriverConnection, done: Callback): void => {
      if (isolationLevel === undefined) connection.query(timed(start), [], done);
      else {
        connection.query(timed(`SET TRANSACTION ISOLATION LEVEL ${isolationLevel}`), [], (error) => {
          if (error) done(error);
          else connection.query(timed(start), [], done);
        });
      }
    };
    this.#on(this.#context.router.route(start), send, callback);
  }

  commit(callback?: QueryCallback): QueryCommand {
    return this.query('COMMIT', callback);
  }

  rollback(callback?: QueryCallback): QueryCommand {
    return this.query('ROLLBACK', callback);
  }

  /** Where its text belongs now; each execution finds its own server. */
  prepare(sql: unknown, callback: (error: unknown, statement?: unknown) => void): void {
    prepareStatement(this.#context, this.#runner, sql, this, callback);
  }

  /** On the connection that the session has now, if any. */
  unprepare(sql: unknown): unknown {
    return this.#runner.current?.physical.connection.unprepare(sql);
  }

  ping(callback?: Callback): void {
    this.#on(LAST, (connection, done) => connection.ping(done), callback);
  }

  /** Afterwards the session holds nothing, and goes on wherever its next statement belongs. */
  reset(callback?: Callback): void {
    this.#on(RESET, (_, done) => done(null), callback);
  }

  /**
   * On the primary, where the session stays, as new as any but for its user. Another user's
   * connection serves no other session: it is closed when released.
   */
  changeUser(options: unknown, callback?: Callback): void {
    if (typeof options === 'function') {
      this.changeUser({}, options as Callback);
      return;
    }
    const { initStatements, queryTimeoutMs } = this.#context;
    const send = ({ physical }: Checkout, done: Callback): void => changeUser(physical, options, initStatements, done);
    const settle = (error: unknown): void => {
      if (!error) Object.assign(this.config, namedIn(options));
      callback?.(error);
    };
    this.#runner.run(new ConnectionOperation(USER, queryTimeoutMs, send, settle));
  }

  /** As mysql2's, calls back with the connection itself. */
  connect(callback?: Callback): void {
    if (callback !== undefined) process.nextTick(callback, null, this);
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
    // Also after a release: what was queued may still run. As in mysql2 it is no release.
    this.#runner.destroy();
    this.#released = true;
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

  #on(statement: Statement, act: (connection: DriverConnection, done: Callback) => void, callback?: Callback): void {
    const send = (checkout: Checkout, done: Callback): void => act(checkout.physical.connection, done);
    const settle = (error: unknown, result: unknown): void => callback?.(error, result as never);
    this.#runner.run(new ConnectionOperation(statement, this.#context.queryTimeoutMs, send, settle));
  }
}

/** Whom and what the options of a change of the user name. */
function namedIn(options: unknown): Record<string, unknown> {
  const { user, database } = (options ?? {}) as Readonly<Record<string, unknown>>;
  return { ...(user !== undefined && { user }), ...(database !== undefined && { database }) };
}

// Outside the class: a computed name has no type that declarations could be made of without a
// checker.
Object.defineProperty(VirtualConnection.prototype, inspect.custom, { value: VirtualConnection.prototype.describe });
