import { withTimeout } from '../../../src/adapter.js';
import type { Clock } from '../../../src/index.js';
import type { DriverConnection } from '../driver/driver.js';
import type { EndpointPool } from './endpoint-pool.js';
import { cutConnection } from './physical.js';

export interface BesideHost {
  readonly clock: Clock;
  readonly pool: EndpointPool;
  /** A new connection beyond the pool's limit: what is to be ended may be what fills the pool. */
  open(): Promise<DriverConnection>;
}

/**
 * Runs one statement beside everything else: on an idle connection, else on a new one, which is
 * closed afterwards. Rejects with the server's error, or with ETIMEDOUT after `limitMs`.
 */
export async function runBeside({ clock, pool, open }: BesideHost, sql: string, limitMs: number): Promise<void> {
  const idle = pool.takeIdle();
  const connection = idle?.connection ?? (await open());
  const answered = new Promise<void>((resolve, reject) => {
    connection.once('error', reject);
    connection.query(sql, [], (error) => {
      connection.off('error', reject);
      if (error) reject(error);
      else resolve();
    });
  });
  try {
    await withTimeout(clock, limitMs, answered, () => noAnswer(sql, limitMs));
  } catch (error) {
    if (idle !== undefined) idle.usable = false;
    throw error;
  } finally {
    if (idle === undefined) {
      connection.on('error', () => {});
      cutConnection(connection);
    } else pool.release(idle);
  }
}

function noAnswer(sql: string, limitMs: number): Error {
  return Object.assign(new Error(`No answer to ${sql} within ${limitMs} ms.`), { code: 'ETIMEDOUT' });
}
