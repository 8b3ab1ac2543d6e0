import type { EventEmitter } from 'node:events';
import type { Checkout } from '../cluster/checkout.js';
import type { DriverConnection, QueryCommand } from '../driver/driver.js';
import type { Statement } from '../statement/verdicts.js';
import { isPacket } from './ok-packet.js';
import type { Attempt, Call, Operation } from './operation.js';
import { markMaybeLoaded } from './session-errors.js';

/** Sends it, and has the events of another emitter forwarded to the command, if there is one. */
type Start = (connection: DriverConnection, forward: (from: EventEmitter) => void) => unknown;

/** Stands for rows, which are not kept. */
const ROWS: readonly never[] = [];

/**
 * A statement without a callback: rows go to the listeners of `command` as they come, so it is sent
 * once.
 */
export class StreamedOperation implements Operation {
  readonly statement: Statement;
  readonly call: Call | undefined;
  readonly command: QueryCommand;
  readonly timeoutMs: number;
  readonly #start: Start;
  /** The driver has notified the listeners. */
  #failed = false;

  constructor(statement: Statement, call: Call | undefined, command: QueryCommand, start: Start, timeoutMs = 0) {
    this.statement = statement;
    this.call = call;
    this.command = command;
    this.#start = start;
    this.timeoutMs = timeoutMs;
  }

  get repeatable(): boolean {
    return false;
  }

  send({ physical }: Checkout, attempt: Attempt): void {
    const { connection } = physical;
    const { command } = this;
    // In the order they came: a packet for statements without rows, an empty list for rows.
    const results: unknown[] = [];
    const finish = (error: unknown): void => {
      connection.off('error', lost);
      command.off('error', onError);
      command.off('result', onResult);
      command.off('end', onEnd);
      attempt.ended(error, results.length === 1 ? results[0] : results);
    };
    const onError = (error: unknown): void => {
      this.#failed = true;
      finish(markMaybeLoaded(error, command._localStream));
    };
    // mysql2 reports a lost connection to the connection only: the reader of the rows would wait
    // for ever.
    const lost = (error: unknown): void => finish(error);
    const onResult = (result: unknown): void => {
      if (isPacket(result)) results.push(result);
      else if (results.at(-1) !== ROWS) results.push(ROWS);
    };
    const onEnd = (): void => finish(undefined);
    // Before the caller's listeners, which are to see what it says.
    command.prependListener('error', onError);
    command.on('result', onResult);
    command.on('end', onEnd);
    connection.on('error', lost);
    try {
      command._connection = connection;
      this.#start(connection, (from) => forward(from, command));
    } catch (error) {
      finish(error);
    }
  }

  settle(error: unknown): void {
    if (!error || this.#failed) return;
    if (this.command.listenerCount('error') > 0) this.command.emit('error', error);
    this.command.emit('end');
  }
}

function forward(from: EventEmitter, to: EventEmitter): void {
  for (const name of ['fields', 'result', 'error', 'end']) {
    from.on(name, (...args: unknown[]) => {
      if (name !== 'error' || to.listenerCount('error') > 0) to.emit(name, ...args);
    });
  }
}
