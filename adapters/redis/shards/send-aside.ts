import type { Command, Redis, RedisOptions } from '../driver/driver.js';

/** As much of a shard as it needs. */
export interface AsideConnector {
  connect(options?: RedisOptions): Redis;
  /** The error of a command that was not sent. */
  unsent(cause: Error): Error;
}

/**
 * Sends a command by a connection that is made for it, whatever the state of the shard. A server
 * that runs a script answers nothing of what ioredis asks before it calls a connection ready, so
 * that is left out.
 */
export function sendAside(command: Command, shard: AsideConnector): void {
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
