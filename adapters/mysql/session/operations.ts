import { MAX_TIMER_MS, optionReaders as read } from '../../../src/adapter.js';
import type { Checkout } from '../cluster/checkout.js';
import type { Consistency, RouteChoice } from '../common/options.js';
import { createQuery, type DriverConnection, type QueryCallback, type QueryCommand } from '../driver/driver.js';
import { threadNamedIn } from '../statement/one-server.js';
import type { Router } from '../statement/router.js';
import type { Statement } from '../statement/verdicts.js';
import type { Attempt, Call, Operation } from './operation.js';
import { markPartlyLoaded } from './session-errors.js';
import { StreamedOperation } from './streamed-operation.js';
import { timeoutOf } from './time-limit.js';

export interface OperationContext {
  readonly router: Router;
  readonly config: Record<string, unknown>;
  /** For statements without their own timeout; 0 for none. */
  readonly queryTimeoutMs: number;
  /** Run on every new connection. */
  readonly initStatements: readonly string[];
}

/** The statement's text, however it was given. */
export function textOf(sql: unknown): string {
  if (typeof sql === 'string') return sql;
  const text = (sql as { readonly sql?: unknown } | null | undefined)?.sql;
  return typeof text === 'string' ? text : '';
}

/** mysql2 ignores what it cannot compare with, and then nothing limits the statement. */
const readTimeout = read.optional(read.number(0, 0, MAX_TIMER_MS));

export const readConsistency: read.Reader<Consistency | undefined> = read.optional(
  read.oneOf('session', 'eventual', 'session', 'strong'),
);

/** Where a statement goes by its caller's word. */
export const readRoute: read.Reader<RouteChoice | undefined> = (value, name) => {
  if (value === undefined || value === 'primary' || value === 'replica') return value;
  const { endpoint } = (value ?? {}) as { readonly endpoint?: unknown };
  if (typeof endpoint === 'string' && endpoint !== '') return { endpoint };
  throw read.invalidOption(name, value, "'primary', 'replica' or { endpoint: 'its id' }");
};

/**
 * What the caller asks for: `consistency` and `route` beside `sql` in an options object, and the
 * connection that the statement names.
 */
export function callOf({ threadAt }: Statement, sql: unknown, values: unknown): Call | undefined {
  const isPlain = typeof sql !== 'object' || sql === null;
  if (isPlain && threadAt === undefined) return undefined;
  const options = (isPlain ? {} : sql) as Readonly<Record<string, unknown>>;
  const { consistency, route, timeout } = options;
  if (timeout !== undefined && timeout !== null) readTimeout(timeout, 'query.timeout');
  const thread = threadAt === undefined ? undefined : threadNamedIn(textOf(sql), threadAt, values ?? options.values);
  if (consistency === undefined && route === undefined && thread === undefined) return undefined;
  return {
    consistency: readConsistency(consistency, 'query.consistency'),
    route: readRoute(route, 'query.route'),
    thread,
  };
}

/** What mysql2's query was called with: (sql, callback), (sql, values, callback), (options, …). */
export function queryOperation(
  context: OperationContext,
  sql: unknown,
  values: unknown,
  callback: QueryCallback | undefined,
): Operation & { readonly command: QueryCommand } {
  if (typeof values === 'function') return queryOperation(context, sql, undefined, values as QueryCallback);
  const command = newCommand(context, sql, values);
  const statement = context.router.route(textOf(sql));
  const call = callOf(statement, sql, values);
  if (callback === undefined) {
    return new StreamedOperation(statement, call, command, (connection) => connection.query(command));
  }
  return new QueryOperation(context, statement, call, command, sql, values, callback);
}

/**
 * What mysql2's execute was called with. The command has the events of the statement where there is
 * no callback.
 */
export function executeOperation(
  context: OperationContext,
  sql: unknown,
  values: unknown,
  callback: QueryCallback | undefined,
): Operation & { readonly command: QueryCommand | undefined } {
  if (typeof values === 'function') return executeOperation(context, sql, undefined, values as QueryCallback);
  const statement = context.router.route(textOf(sql));
  const call = callOf(statement, sql, values);
  const timed = withTimeout(sql, context);
  if (callback !== undefined) return new ExecuteOperation(context, statement, call, timed, values, callback);
  return new StreamedOperation(
    statement,
    call,
    unsentCommand(context, sql),
    (connection, forward) => forward(connection.execute(withPlaceholders(timed, context, connection), values)),
    timeoutOf(timed, 0),
  );
}

/** A query whose caller gets its rows at once. A repeat is a new command. */
class QueryOperation implements Operation {
  readonly statement: Statement;
  readonly call: Call | undefined;
  /** What the caller holds; the first attempt sends it. */
  readonly command: QueryCommand;
  readonly #context: OperationContext;
  readonly #sql: unknown;
  readonly #values: unknown;
  readonly #callback: QueryCallback;
  #fields: unknown;
  #wasSent = false;

  constructor(
    context: OperationContext,
    statement: Statement,
    call: Call | undefined,
    command: QueryCommand,
    sql: unknown,
    values: unknown,
    callback: QueryCallback,
  ) {
    this.statement = statement;
    this.call = call;
    this.command = command;
    this.#context = context;
    this.#sql = sql;
    this.#values = values;
    this.#callback = callback;
    // Whoever looks for it finds the callback, as on mysql2's command.
    command.onResult = callback;
  }

  get repeatable(): boolean {
    return true;
  }

  get isQuiet(): boolean {
    return !isHeard(this.command) && isQuietIn(this.#context, this.#sql);
  }

  send(checkout: Checkout, attempt: Attempt): void {
    const command = this.#wasSent ? newCommand(this.#context, this.#sql, this.#values) : this.command;
    this.#wasSent = true;
    command.onResult = this.#answerTo(attempt);
    checkout.physical.connection.query(command);
  }

  settle(error: unknown, rows?: unknown): void {
    if (error) this.#callback(error);
    else this.#callback(null, rows, this.#fields);
  }

  /** Made here, and not where it is assigned: see `test/built-closures.test.ts`. */
  #answerTo(attempt: Attempt): QueryCallback {
    return (error, rows, fields) => {
      this.#fields = fields;
      attempt.ended(markPartlyLoaded(error, rows), rows);
    };
  }
}

/** A prepared statement: prepared on each connection it runs on, and kept there by the driver. */
class ExecuteOperation implements Operation {
  readonly statement: Statement;
  readonly call: Call | undefined;
  readonly #context: OperationContext;
  readonly #sql: unknown;
  readonly #values: unknown;
  readonly #callback: QueryCallback;
  #fields: unknown;

  constructor(
    context: OperationContext,
    statement: Statement,
    call: Call | undefined,
    sql: unknown,
    values: unknown,
    callback: QueryCallback,
  ) {
    this.#context = context;
    this.statement = statement;
    this.call = call;
    this.#sql = sql;
    this.#values = values;
    this.#callback = callback;
  }

  get repeatable(): boolean {
    return true;
  }

  get isQuiet(): boolean {
    return isQuietIn(this.#context, this.#sql);
  }

  /** The driver's own begins once the statement is prepared. */
  get timeoutMs(): number {
    return timeoutOf(this.#sql, 0);
  }

  get command(): undefined {
    return undefined;
  }

  send(checkout: Checkout, attempt: Attempt): void {
    const { connection } = checkout.physical;
    connection.execute(withPlaceholders(this.#sql, this.#context, connection), this.#values, (error, rows, fields) => {
      this.#fields = fields;
      attempt.ended(error, rows);
    });
  }

  settle(error: unknown, rows?: unknown): void {
    if (error) this.#callback(error);
    else this.#callback(null, rows, this.#fields);
  }
}

/** Anything else a connection can do, on the connection where its session is. */
export class ConnectionOperation implements Operation {
  readonly statement: Statement;
  readonly timeoutMs: number;
  readonly #send: (checkout: Checkout, done: (error: unknown, result?: unknown) => void) => unknown;
  readonly #settle: (error: unknown, result?: unknown) => void;

  constructor(
    statement: Statement,
    timeoutMs: number,
    send: (checkout: Checkout, done: (error: unknown, result?: unknown) => void) => unknown,
    settle: (error: unknown, result?: unknown) => void,
  ) {
    this.statement = statement;
    this.timeoutMs = timeoutMs;
    this.#send = send;
    this.#settle = settle;
  }

  get repeatable(): boolean {
    return false;
  }

  get call(): undefined {
    return undefined;
  }

  send(checkout: Checkout, attempt: Attempt): void {
    // Commands without rows notify mysql2's connection, not their callback, when it is lost.
    const { connection } = checkout.physical;
    const finish = (error: unknown, result?: unknown): void => {
      connection.off('error', finish);
      attempt.ended(error, result);
    };
    connection.on('error', finish);
    try {
      this.#send(checkout, finish);
    } catch (error) {
      connection.off('error', finish);
      throw error;
    }
  }

  settle(error: unknown, result?: unknown): void {
    this.#settle(error, result);
  }
}

/** Whether somebody listens to what mysql2 emits while it reads an answer. */
function isHeard(command: QueryCommand): boolean {
  // Node counts an emitter's events: to ask for each by name costs a tenth of a microsecond.
  if (command._eventsCount === 0) return false;
  return (
    command.listenerCount('fields') > 0 ||
    command.listenerCount('result') > 0 ||
    command.listenerCount('end') > 0 ||
    command.listenerCount('error') > 0
  );
}

/** Options of mysql2 that may be functions, called while it reads an answer. */
interface Callbacks {
  readonly typeCast?: unknown;
  readonly infileStreamFactory?: unknown;
}

/** Whether these options name no function that the driver calls while it reads an answer. */
function isQuietIn({ config }: OperationContext, sql: unknown): boolean {
  return !callsBack(config) && (typeof sql !== 'object' || sql === null || !callsBack(sql));
}

function callsBack({ typeCast, infileStreamFactory }: Callbacks): boolean {
  return typeof typeCast === 'function' || typeof infileStreamFactory === 'function';
}

/** A command for its events alone: another one of the driver's is sent. */
export function unsentCommand({ config }: OperationContext, sql: unknown): QueryCommand {
  return createQuery(sql, undefined, undefined, config);
}

/** `namedPlaceholders` as they are now: a connection of the driver has those of its beginning. */
function withPlaceholders(sql: unknown, { config }: OperationContext, connection: DriverConnection): unknown {
  const { namedPlaceholders } = config;
  if (namedPlaceholders === connection.config.namedPlaceholders) return sql;
  return { namedPlaceholders, ...(typeof sql === 'string' ? { sql } : (sql as object)) };
}

function newCommand({ config, queryTimeoutMs }: OperationContext, sql: unknown, values: unknown): QueryCommand {
  const command = createQuery(sql, values, undefined, config);
  if (command.namedPlaceholders === undefined) command.namedPlaceholders = config.namedPlaceholders;
  if (queryTimeoutMs > 0 && command.timeout === undefined) command.timeout = queryTimeoutMs;
  return command;
}

function withTimeout(sql: unknown, context: OperationContext): unknown {
  if (context.queryTimeoutMs === 0) return sql;
  if (typeof sql === 'string') return { sql, timeout: context.queryTimeoutMs };
  return (sql as { readonly timeout?: unknown }).timeout === undefined
    ? { ...(sql as object), timeout: context.queryTimeoutMs }
    : sql;
}
