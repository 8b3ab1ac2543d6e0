import type { EventEmitter } from 'node:events';
import { optionReaders as read } from '../../src/index.js';
import type { Checkout } from './cluster.js';
import { createQuery, type DriverConnection, type QueryCallback, type QueryCommand } from './driver.js';
import { isPacket } from './ok-packet.js';
import type { Operation } from './runner.js';
import type { Scope } from './session.js';
import type { Statement } from './statement/classify.js';
import type { Router } from './statement/router.js';

export interface OperationContext {
  readonly router: Router;
  readonly config: Record<string, unknown>;
  /** For statements without a timeout of their own; 0 for none. */
  readonly queryTimeoutMs: number;
}

type Done = (error: unknown, result?: unknown) => void;

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

const readConsistency = read.optional(read.oneOf('session', 'eventual', 'session', 'strong'));
const readRoute = read.optional(read.oneOf('primary', 'primary', 'replica'));

/** `consistency` and `route` beside `sql` in an options object. */
function callOf(sql: unknown): Scope | undefined {
  if (typeof sql !== 'object' || sql === null || !('consistency' in sql || 'route' in sql)) return undefined;
  const { consistency, route } = sql as Record<string, unknown>;
  return { consistency: readConsistency(consistency, 'query.consistency'), route: readRoute(route, 'query.route') };
}

/**
 * A query, and the command that its caller holds. With a callback a repeat is a command of its own; without one the
 * caller listens to the command itself, which can be sent once.
 */
export function queryOperation(
  context: OperationContext,
  sql: unknown,
  values: unknown,
  callback: QueryCallback | undefined,
): { readonly operation: Operation; readonly command: QueryCommand } {
  const command = newCommand(context, sql, values);
  const statement = context.router.route(textOf(sql));
  const call = callOf(sql);
  if (callback === undefined) {
    const start = (connection: DriverConnection): EventEmitter => connection.query(command);
    return { operation: streamed(statement, call, command, start), command };
  }
  // Whoever looks for it finds the callback, as on mysql2's command.
  command.onResult = callback;
  let fields: unknown;
  let first: QueryCommand | undefined = command;
  const operation: Operation = {
    statement,
    repeatable: true,
    call,
    send: (checkout, done) => {
      const attempt = first ?? newCommand(context, sql, values);
      first = undefined;
      attempt.onResult = (error, rows, theFields) => {
        fields = theFields;
        done(error, rows);
      };
      checkout.physical.connection.query(attempt);
    },
    settle: (error, rows) => {
      if (error) callback(error);
      else callback(null, rows, fields);
    },
  };
  return { operation, command };
}

function newCommand({ config, queryTimeoutMs }: OperationContext, sql: unknown, values: unknown): QueryCommand {
  const command = createQuery(sql, values, undefined, config);
  if (command.namedPlaceholders === undefined) command.namedPlaceholders = config.namedPlaceholders;
  if (command.timeout === undefined && queryTimeoutMs > 0) command.timeout = queryTimeoutMs;
  return command;
}

/** Rows go to the listeners of `command` as they come. */
function streamed(
  statement: Statement,
  call: Scope | undefined,
  command: QueryCommand,
  start: (connection: DriverConnection, command: QueryCommand) => EventEmitter,
): Operation {
  let failed = false;
  return {
    statement,
    repeatable: false,
    call,
    send: ({ physical }, done) => {
      const { connection } = physical;
      let packet: unknown;
      const finish = (error: unknown): void => {
        connection.off('error', lost);
        command.off('error', onError);
        command.off('result', onResult);
        command.off('end', onEnd);
        done(error, packet);
      };
      const onError = (error: unknown): void => {
        failed = true;
        finish(error);
      };
      // mysql2 tells a lost connection to the connection only: whoever reads the rows would wait for ever.
      const lost = (error: unknown): void => finish(error);
      const onResult = (result: unknown): void => {
        if (isPacket(result)) packet = result;
      };
      const onEnd = (): void => finish(undefined);
      command.on('error', onError);
      command.on('result', onResult);
      command.on('end', onEnd);
      connection.on('error', lost);
      try {
        start(connection, command);
      } catch (error) {
        finish(error);
      }
    },
    settle: (error) => {
      if (!error || failed) return;
      if (command.listenerCount('error') > 0) command.emit('error', error);
      command.emit('end');
    },
  };
}

/**
 * A prepared statement: prepared on each connection it runs on, and kept there by the driver. The command has the events
 * of the statement where there is no callback.
 */
export function executeOperation(
  context: OperationContext,
  sql: unknown,
  values: unknown,
  callback: QueryCallback | undefined,
): { readonly operation: Operation; readonly command: QueryCommand | undefined } {
  const statement = context.router.route(textOf(sql));
  const call = callOf(sql);
  const timed = withTimeout(sql, context);
  if (callback === undefined) {
    const command = createQuery(sql, undefined, undefined, context.config);
    const operation = streamed(statement, call, command, (connection) => {
      command._connection = connection;
      return forward(connection.execute(timed, values), command);
    });
    return { operation, command };
  }
  let fields: unknown;
  const operation: Operation = {
    statement,
    repeatable: true,
    call,
    send: (checkout, done) => {
      checkout.physical.connection.execute(timed, values, (error, rows, theFields) => {
        fields = theFields;
        done(error, rows);
      });
    },
    settle: (error, rows) => {
      if (error) callback(error);
      else callback(null, rows, fields);
    },
  };
  return { operation, command: undefined };
}

function forward(from: EventEmitter, to: EventEmitter): EventEmitter {
  for (const name of ['fields', 'result', 'error', 'end']) {
    from.on(name, (...args: unknown[]) => {
      if (name !== 'error' || to.listenerCount('error') > 0) to.emit(name, ...args);
    });
  }
  return to;
}

/** Anything else a connection can do, on the connection where its session is. */
export function connectionOperation(
  statement: Statement,
  send: (checkout: Checkout, done: Done) => unknown,
  settle: Done,
): Operation {
  return {
    statement,
    repeatable: false,
    call: undefined,
    send: (checkout, done) => {
      // Commands without rows tell mysql2's connection, not their callback, when it is lost.
      const { connection } = checkout.physical;
      const finish = (error: unknown, result?: unknown): void => {
        connection.off('error', finish);
        done(error, result);
      };
      connection.on('error', finish);
      try {
        send(checkout, finish);
      } catch (error) {
        connection.off('error', finish);
        throw error;
      }
    },
    settle,
  };
}

function withTimeout(sql: unknown, context: OperationContext): unknown {
  if (context.queryTimeoutMs === 0) return sql;
  if (typeof sql === 'string') return { sql, timeout: context.queryTimeoutMs };
  return (sql as { readonly timeout?: unknown }).timeout === undefined
    ? { ...(sql as object), timeout: context.queryTimeoutMs }
    : sql;
}
