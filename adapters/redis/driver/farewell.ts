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
  // ioredis sends QUIT within the handshake, ahead of what waits for its end.
  if (connection.status !== 'ready') await readyOrOver(connection);
  await connection.quit().catch(() => endConnection(connection));
  cut.cancel();
}

function readyOrOver(connection: Redis): Promise<void> {
  return new Promise((resolve) => {
    const events = ['ready', 'close', 'end'];
    const over = (): void => {
      for (const event of events) connection.off(event, over);
      // Behind what ioredis sends now of all that waited.
      process.nextTick(resolve);
    };
    for (const event of events) connection.on(event, over);
  });
}
