import { ownCommand, type Redis } from '../driver/driver.js';
import { type AsideConnector, sendAside } from './send-aside.js';

/** As much of a shard as it needs. */
export interface Unblocker extends AsideConnector {
  readonly connection: Redis;
  readonly inTransaction: boolean;
}

/**
 * Ends the wait of the connection with this id, which is answered by UNBLOCKED then. False where
 * that does not wait, or the shard is not connected. Rejects where the server refuses.
 */
export async function unblock(id: string, shard: Unblocker): Promise<boolean> {
  if (shard.connection.status !== 'ready') return false;
  const command = ownCommand('client', ['unblock', id, 'ERROR']);
  if (shard.inTransaction) sendAside(command, shard);
  else shard.connection.sendCommand(command);
  return Number(await command.promise) === 1;
}
