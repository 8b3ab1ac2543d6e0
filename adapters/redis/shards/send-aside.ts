import type { Command, RedisOptions } from '../driver/driver.js';
import type { Shard } from './shard.js';

/**
 * Sends a command by a connection that is made for it, whatever the state of the shard. A server
 * that runs a script answers nothing of what ioredis asks before it calls a connection ready, so
 * that is left out.
 */
export function sendAside(command: Command, shard: Shard): void {
  const connection = shard.connect({ enableReadyCheck: false, retryStrategy: () => null } as RedisOptions);
  let cause: Error | undefined;
  connection.on('error', (error: Error) => {
    cause ??= error;
  });
  const end = (): void => connection.disconnect();
  command.promise.then(end, end);
  connection.connect().then(
    () => void connection.sendCommand(command),
    (error: Error) => command.reject(shard.unsent(cause ?? error)),
  );
}
