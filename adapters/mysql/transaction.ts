import { Backoff, optionReaders, sleep } from '../../src/adapter.js';
import type { Clock, Random } from '../../src/index.js';
import { meaningOf } from './common/errors.js';
import { type BeginSettings, readTransactionOptions } from './common/transaction-options.js';
import type { VirtualConnection } from './virtual-connection.js';

export interface TransactionHost {
  readonly clock: Clock;
  readonly random: Random;
  connect(): Promise<VirtualConnection>;
}

/** A promise connection, as far as a transaction needs it. */
interface PromiseConnection {
  query(...args: unknown[]): Promise<unknown>;
  execute(...args: unknown[]): Promise<unknown>;
  commit(): Promise<unknown>;
  rollback(): Promise<unknown>;
  release(): void;
  destroy(): void;
}

/**
 * Runs `run` in a transaction: commits what it did once it resolves, rolls it back where it
 * rejects, and runs it again, from the beginning and after a pause, where the server gave it up.
 */
export async function transaction<T>(
  host: TransactionHost,
  run: (connection: never) => T | Promise<T>,
  options: unknown,
): Promise<T> {
  if (typeof run !== 'function') throw optionReaders.invalidOption('transaction', run, 'a function (connection) => …');
  const { retries, ...begin } = readTransactionOptions(options);
  // What met once would meet again: the longer of two transactions must get its turn.
  const pauses = new Backoff(host.random, { baseMs: 10, maxMs: 500 });
  for (;;) {
    try {
      return await attempt(host, run, begin);
    } catch (error) {
      if (pauses.failures >= retries || !wasGivenUp(error, begin)) throw error;
      await sleep(host.clock, pauses.next());
    }
  }
}

async function attempt<T>(
  host: TransactionHost,
  run: (connection: never) => T | Promise<T>,
  begin: BeginSettings,
): Promise<T> {
  const session = await host.connect();
  const connection = session.promise() as PromiseConnection;
  const rolledBack = guard(connection);
  try {
    await new Promise<void>((resolve, reject) => {
      session.begin(begin, (error) => (error ? reject(error) : resolve()));
    });
    const result = await run(connection as never);
    // Caught by `run`, perhaps: there is nothing left to be committed.
    if (rolledBack.error !== undefined) throw rolledBack.error;
    await connection.commit();
    return result;
  } catch (error) {
    await connection.rollback().catch(() => connection.destroy());
    throw error;
  } finally {
    connection.release();
  }
}

/**
 * A deadlock rolls the whole transaction back on the server, which then takes each further
 * statement for a transaction of its own: these must not be sent, even where `run` catches the
 * error.
 */
function guard(connection: PromiseConnection): { readonly error: unknown } {
  const rolledBack: { error: unknown } = { error: undefined };
  for (const name of ['query', 'execute'] as const) {
    const send = connection[name].bind(connection);
    connection[name] = async (...args) => {
      if (rolledBack.error !== undefined) throw rolledBack.error;
      try {
        return await send(...args);
      } catch (error) {
        if (errnoOf(error) === DEADLOCK) rolledBack.error = error;
        throw error;
      }
    };
  }
  return rolledBack;
}

const DEADLOCK = 1213;

/** Errors after which nothing of the transaction was done, and the next time it may be. */
const GIVEN_UP: ReadonlySet<unknown> = new Set([
  DEADLOCK, // ER_LOCK_DEADLOCK; Galera's certification, also of the COMMIT
  1205, // ER_LOCK_WAIT_TIMEOUT: the statement's alone; the rest is rolled back here
  3101, // ER_TRANSACTION_ROLLBACK_DURING_COMMIT: group replication's certification
  1020, // ER_CHECKREAD: MariaDB's snapshot isolation
]);

function wasGivenUp(error: unknown, { readOnly }: BeginSettings): boolean {
  // A replica says the same of a write in a read-only transaction, the next time as well.
  return GIVEN_UP.has(errnoOf(error)) || (!readOnly && meaningOf(error).demoted);
}

function errnoOf(error: unknown): unknown {
  return (error as { readonly errno?: unknown } | null | undefined)?.errno;
}
