import type { Command } from 'ioredis';
import { oddReply } from '../common/errors.js';

const QUEUED = Buffer.from('QUEUED');

/**
 * Lets replies through `change`, before they are decoded; not the word that a transaction queues
 * the command. One that is not what the command's should be fails the command: this runs where
 * ioredis reads from the socket.
 */
export function onReply(command: Command, change: (reply: unknown) => unknown): void {
  const { resolve } = command;
  command.resolve = (reply: unknown) => {
    let changed: unknown;
    try {
      changed = Buffer.isBuffer(reply) && reply.equals(QUEUED) ? reply : change(reply);
    } catch {
      command.reject(oddReply(command.name));
      return;
    }
    resolve(changed as never);
  };
}
