import type { Command } from 'ioredis';
import { oddReply } from '../common/errors.js';

const QUEUED = Buffer.from('QUEUED');

/**
 * Lets replies through `change`, before they are decoded; not the word that a transaction queues
 * the command. One that is not what the command's should be fails the command: this runs where
 * ioredis reads from the socket.
 */
export function onReply(command: Command, change: (reply: unknown) => unknown): void {
  command.resolve = changing(command, change);
}

/** Made here, and not where it is assigned: see `test/built-closures.test.ts`. */
function changing(command: Command, change: (reply: unknown) => unknown): (reply: unknown) => void {
  const { resolve } = command;
  return (reply) => {
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
