import type { EventEmitter } from 'node:events';
import type { Checkout } from './cluster.js';
import { createQuery, type QueryCallback, type QueryCommand } from './driver.js';
import type { Operation } from './runner.js';
import type { Statement } from './statement/classify.js';
import type { Router } from './statement/router.js';

export interface OperationContext {
  readonly router: Router;
  readonly config: Record<string, unknown>;
  /** For statements without a timeout of their own; 0 for none. */
  readonly queryTimeoutMs: number;
}

/** The statement's text, however it was given. */
export function textOf(sql: unknown): string {
  if (typeof sql === 'string') return sql;
  const text = (sql as { readonly sql?: unknown } | null | undefined)?.sql;
  return typeof text === 'string' ? text : '';
}

/** Arguments of mysql2's query and execute, put in order: (sql, callback), (sql, values, callback), (options, …). */
export function readArguments(
  values: unknown,
  callback: unknown,
): { values: unknown; callback: QueryCallback | undefined } {
  if (typeof values === 'function') return { values: undefined, callback: values as QueryCallback };
  return { values, callback: callback as QueryCallback | undefined };
}

/**
 * A query, and the command that its caller holds. With a callback each attempt is a command of its own, so that a read
 * can be repeated; without one the caller listens to the command itself, which can be sent once.
 */
export function queryOperation(
  context: OperationContext,
  sql: unknown,
  values: unknown,
  callback: QueryCallback | undefined,
): { readonly operation: Operation; readonly command: QueryCommand } {
  const command = createQuery(sql, values, callback, context.config);
  if (command.namedPlaceholders === undefined) command.namedPlaceholders = context.config.namedPlaceholders;
  const statement = context.router.route(textOf(sql));
  const operation =
    callback === undefined
      ? streamed(statement, command)
      : repeated(context, statement, { sql, values }, command, callback);
  return { operation, command };
}

function repeated(
  context: OperationContext,
  statement: Statement,
  given: { readonly sql: unknown; readonly values: unknown },
  command: QueryCommand,
  callback: QueryCallback,
): Operation {
  let fields: unknown;
  return {
    statement,
    repeatable: true,
    send: (checkout, done) => {
      const attempt = createQuery(withTimeout(given.sql, context), given.values, undefined, context.config);
      attempt.namedPlaceholders = command.namedPlaceholders;
      attempt.onResult = (error, rows, theFields) => {
        fields = theFields;
        done(error, rows);
      };
      checkout.physical.connection.query(attempt);
    },
    settle: (error, rows) => {
      if (error) callback(error);
      else callback(null, rows, fields);
      command.emit('end');
    },
  };
}

function streamed(statement: Statement, command: QueryCommand): Operation {
  let sent = false;
  return {
    statement,
    repeatable: false,
    send: (checkout, done) => {
      sent = true;
      let failure: unknown;
      let packet: unknown;
      command.on('error', (error) => {
        failure ??= error;
      });
      command.on('result', (result: unknown) => {
        if (typeof result === 'object' && result !== null && 'serverStatus' in result) packet = result;
      });
      command.once('end', () => done(failure, packet));
      checkout.physical.connection.query(command);
    },
    settle: (error) => {
      // What was sent told its listeners itself.
      if (!sent && error) {
        command.emit('error', error);
        command.emit('end');
      }
    },
  };
}

/** A prepared statement: prepared on each connection it runs on, and kept there by the driver. */
export function executeOperation(
  context: OperationContext,
  sql: unknown,
  values: unknown,
  callback: QueryCallback | undefined,
): Operation {
  let fields: unknown;
  return {
    statement: context.router.route(textOf(sql)),
    repeatable: callback !== undefined,
    send: (checkout, done) => {
      checkout.physical.connection.execute(withTimeout(sql, context), values, (error, rows, theFields) => {
        fields = theFields;
        done(error, rows);
      });
    },
    settle: (error, rows) => {
      if (error) callback?.(error);
      else callback?.(null, rows, fields);
    },
  };
}

/** Anything else a connection can do, on the connection where its session is. */
export function connectionOperation(
  statement: Statement,
  send: (checkout: Checkout, done: (error: unknown, result?: unknown) => void) => EventEmitter | unknown,
  settle: (error: unknown, result?: unknown) => void,
): Operation {
  return { statement, repeatable: false, send: (checkout, done) => void send(checkout, done), settle };
}

function withTimeout(sql: unknown, context: OperationContext): unknown {
  if (context.queryTimeoutMs === 0) return sql;
  if (typeof sql === 'string') return { sql, timeout: context.queryTimeoutMs };
  return (sql as { readonly timeout?: unknown }).timeout === undefined
    ? { ...(sql as object), timeout: context.queryTimeoutMs }
    : sql;
}
