import type { Checkout } from '../cluster/checkout.js';
import type { Statement } from '../statement/verdicts.js';
import type { Scope } from './write-history.js';

/** Told how an attempt to run an operation ended. Only the first word counts. */
export interface Attempt {
  ended(error: unknown, result?: unknown): void;
}

/** What a caller asks for beside a statement, or in it. */
export interface Call extends Scope {
  /** The thread id of the connection that the statement is about: KILL and the like. */
  readonly thread?: number | undefined;
}

/** Something to be done on a physical connection. Belongs to one call. */
export interface Operation {
  readonly statement: Statement;
  /**
   * Whether it may be sent again when its server fails, on another one: reads of which the caller
   * has no rows yet.
   */
  readonly repeatable: boolean;
  /** What its caller asked for with it: before what holds for the context or the pool. */
  readonly call: Call | undefined;
  /**
   * Milliseconds within which it must be over, or its connection is lost; 0 or undefined where the
   * driver sees to that, or nothing limits it.
   */
  readonly timeoutMs?: number;
  /** No code of its caller's runs while the driver reads the answer; asked when it arrives. */
  readonly isQuiet?: boolean;
  /** Sends it. The attempt is notified once it is over; `result` is what the driver returned. */
  send(checkout: Checkout, attempt: Attempt): void;
  /** Settles the caller: with the rows it was handed, or with this error. */
  settle(error: unknown, result?: unknown): void;
}
