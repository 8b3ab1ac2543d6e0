import type { EventEmitter } from 'node:events';
import type { Checkout } from '../cluster/checkout.js';
import { isOpen } from '../connections/physical.js';
import type { DriverConnection, PreparedStatement, QueryCallback, QueryCommand } from '../driver/driver.js';
import type { Statement } from '../statement/verdicts.js';
import type { Attempt, Call, Operation } from './operation.js';
import { callOf, type OperationContext, textOf, unsentCommand } from './operations.js';
import { StreamedOperation } from './streamed-operation.js';
import { timeoutOf } from './time-limit.js';

/** What a prepared statement needs of its session. */
export interface PreparingSession {
  run(operation: Operation): void;
}

type Prepared = (error: unknown, statement?: SessionStatement) => void;

/**
 * mysql2's prepared statement, for a session that may change its server: prepared where it is run,
 * by the driver, which keeps it for each connection. So preparing does not tie a session to a
 * server, and each execution goes where its text belongs, as new as its consistency asks for.
 */
export class SessionStatement {
  readonly id: unknown;
  readonly query: unknown;
  readonly columns: unknown;
  readonly parameters: unknown;
  readonly _connection: object;
  readonly #plan: Plan;

  constructor(plan: Plan, { id, query, columns, parameters }: PreparedStatement, connection: object) {
    this.id = id;
    this.query = query;
    this.columns = columns;
    this.parameters = parameters;
    this._connection = connection;
    this.#plan = plan;
  }

  /** Without a callback the command has the events of the execution. */
  execute(values: unknown, callback?: QueryCallback): QueryCommand | undefined {
    if (typeof values === 'function') return this.#plan.execute([], values as QueryCallback);
    return this.#plan.execute(values ?? [], callback);
  }

  close(): void {
    this.#plan.close();
  }
}

/** Prepares `sql` on the server where it belongs now. */
export function prepareStatement(
  context: OperationContext,
  session: PreparingSession,
  sql: unknown,
  connection: object,
  done: Prepared,
): void {
  const plan = new Plan(context, session, sql);
  session.run(new PrepareOperation(plan, connection, done));
}

/** The text of a prepared statement, and where it is prepared. */
class Plan {
  readonly statement: Statement;
  readonly call: Call | undefined;
  readonly timeoutMs: number;
  readonly #context: OperationContext;
  readonly #session: PreparingSession;
  readonly #options: object;
  readonly #connections = new Set<DriverConnection>();
  #closed = false;

  constructor(context: OperationContext, session: PreparingSession, sql: unknown) {
    this.timeoutMs = timeoutOf(sql, context.queryTimeoutMs);
    this.#context = context;
    this.#session = session;
    this.#options = typeof sql === 'string' ? { sql } : (sql as object);
    this.statement = context.router.route(textOf(sql));
    this.call = callOf(this.statement, sql, undefined);
  }

  /** A round trip where the connection does not have it yet. */
  prepareOn(connection: DriverConnection, done: (error: unknown, statement?: PreparedStatement) => void): void {
    for (const each of this.#connections) if (!isOpen(each)) this.#connections.delete(each);
    connection.prepare(this.#options, (error, statement) => {
      if (!error) this.#connections.add(connection);
      done(error, statement as PreparedStatement);
    });
  }

  execute(values: unknown, callback: QueryCallback | undefined): QueryCommand | undefined {
    if (callback === undefined) return this.#stream(values);
    if (this.#closed) process.nextTick(callback, unknownHandler());
    else this.#session.run(new Execution(this, values, callback));
    return undefined;
  }

  #stream(values: unknown): QueryCommand {
    const command = unsentCommand(this.#context, this.#options);
    const fail = (error: unknown): boolean => command.emit('error', error) && command.emit('end');
    if (this.#closed) {
      process.nextTick(fail, unknownHandler());
      return command;
    }
    const start = (connection: DriverConnection, forward: (from: EventEmitter) => void): void =>
      this.prepareOn(connection, (error, statement) => {
        if (error) fail(error);
        else forward(statement!.execute(values));
      });
    this.#session.run(new StreamedOperation(this.statement, this.call, command, start, this.timeoutMs));
    return command;
  }

  /** Takes it off the connections that it was prepared on. */
  close(): void {
    this.#closed = true;
    for (const connection of this.#connections) if (isOpen(connection)) connection.unprepare(this.#options);
    this.#connections.clear();
  }
}

class PrepareOperation implements Operation {
  readonly statement: Statement;
  readonly call: Call | undefined;
  readonly timeoutMs: number;
  readonly repeatable = true;
  readonly #plan: Plan;
  readonly #connection: object;
  readonly #done: Prepared;

  constructor(plan: Plan, connection: object, done: Prepared) {
    this.timeoutMs = plan.timeoutMs;
    this.#plan = plan;
    this.#connection = connection;
    this.#done = done;
    this.call = plan.call;
    // It does nothing yet, where it would do something.
    this.statement = plan.statement.effect === 'none' ? plan.statement : { ...plan.statement, effect: 'none' };
  }

  send({ physical }: Checkout, attempt: Attempt): void {
    this.#plan.prepareOn(physical.connection, (error, statement) => attempt.ended(error, statement));
  }

  settle(error: unknown, statement?: unknown): void {
    if (error) this.#done(error);
    else this.#done(null, new SessionStatement(this.#plan, statement as PreparedStatement, this.#connection));
  }
}

class Execution implements Operation {
  readonly repeatable = true;
  readonly #plan: Plan;
  readonly #values: unknown;
  readonly #callback: QueryCallback;
  #fields: unknown;

  constructor(plan: Plan, values: unknown, callback: QueryCallback) {
    this.#plan = plan;
    this.#values = values;
    this.#callback = callback;
  }

  get statement(): Statement {
    return this.#plan.statement;
  }

  get call(): Call | undefined {
    return this.#plan.call;
  }

  get timeoutMs(): number {
    return this.#plan.timeoutMs;
  }

  send({ physical }: Checkout, attempt: Attempt): void {
    this.#plan.prepareOn(physical.connection, (failed, statement) => {
      if (failed) attempt.ended(failed);
      else {
        statement!.execute(this.#values, (error, rows, fields) => {
          this.#fields = fields;
          attempt.ended(error, rows);
        });
      }
    });
  }

  settle(error: unknown, rows?: unknown): void {
    if (error) this.#callback(error);
    else this.#callback(null, rows, this.#fields);
  }
}

/** The server's error for a statement that was closed. */
function unknownHandler(): Error {
  return Object.assign(new Error('Unknown prepared statement handler: it was closed'), {
    code: 'ER_UNKNOWN_STMT_HANDLER',
    errno: 1243,
    sqlState: 'HY000',
  });
}
