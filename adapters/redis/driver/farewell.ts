import type { Clock } from '../../../src/index.js';
import { endConnection, type Redis, waitingOn } from './driver.js';

/** QUIT is answered when all before it is. */
const QUIT_MS = 2_000;

/** Lets the commands under way finish, then ends the connection; at once where none can be. */
export async function farewell(connection: Redis, clock: Clock): Promise<void> {
  if (connection.status !== 'ready' && waitingOn(connection) === 0) {
    endConnection(connection);
    return;
  }
  // A server that stops answering now must not keep the caller waiting.
  const cut = clock.after(QUIT_MS, () => endConnection(connection));
  await connection.quit().catch(() => endConnection(connection));
  cut.cancel();
}
