import { runUntraced } from '../../../src/adapter.js';
import type { DriverConnection } from './driver.js';

/**
 * What the rows look like here: the application may have asked for others. With `typeCast: true`
 * the function of the connection casts all the same; in mysql2 3.23 the second such answer even
 * fails, as the parser that it keeps for `true` calls a function that is not there.
 */
const PLAIN = { rowsAsArray: false, nestTables: false, typeCast: (_field: unknown, next: () => unknown) => next() };

interface Question {
  readonly sql: string;
  readonly values?: readonly unknown[];
  /** Milliseconds. */
  readonly timeout?: number;
}

/**
 * Runs an internal query and calls back with the first row, by the names of its columns. Its shape
 * does not follow the `rowsAsArray`, `nestTables` and `typeCast` that the application chose for its
 * connections.
 *
 * Calls back once: of a connection that is lost the driver reports that, and later, as its own
 * timer still runs, that the time is over.
 */
export function askRow(
  connection: DriverConnection,
  question: Question,
  done: (error: unknown, row: Readonly<Record<string, unknown>>) => void,
): void {
  let isOver = false;
  connection.query({ ...PLAIN, ...question }, undefined, (error, rows) => {
    if (isOver) return;
    isOver = true;
    done(error, (rows as readonly Record<string, unknown>[] | undefined)?.[0] ?? {});
  });
}

/**
 * As `askRow`, for what no caller asked for: the first look at servers, and the preparing of a
 * connection, run in the context of a caller that waits for it, and are no part of its trace.
 */
export function askUntraced(...asked: Parameters<typeof askRow>): void {
  runUntraced(() => askRow(...asked));
}
