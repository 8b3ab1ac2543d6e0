import { judgeAfter } from '../../../src/adapter.js';
import type { Clock } from '../../../src/index.js';
import type { DriverConnection } from '../driver/driver.js';

/** How long a call may last: by its own `timeout`, else the pool's; milliseconds, 0: no limit. */
export function timeoutOf(sql: unknown, queryTimeoutMs: number): number {
  const timeout = typeof sql === 'object' && sql !== null ? (sql as { readonly timeout?: unknown }).timeout : undefined;
  return typeof timeout === 'number' ? timeout : queryTimeoutMs;
}

/** What mysql2 says of a query whose time is over: the connection cannot be used on. */
export function timedOut(limitMs: number): Error {
  const code = 'PROTOCOL_SEQUENCE_TIMEOUT';
  return Object.assign(new Error(`The server did not answer within ${limitMs} ms.`), { code, syscall: 'query' });
}

/** Asks whether the server is there. Calls back once: with why it is not, or with nothing. */
export function pingWithin(
  connection: DriverConnection,
  clock: Clock,
  limitMs: number,
  done: (gone: unknown) => void,
): void {
  let over = false;
  const end = (gone: unknown): void => {
    if (over) return;
    over = true;
    limit.cancel();
    done(gone);
  };
  const limit = judgeAfter(clock, limitMs, () =>
    end(Object.assign(new Error(`The server answered no ping within ${limitMs} ms.`), { code: 'ETIMEDOUT' })),
  );
  connection.ping(end);
}
