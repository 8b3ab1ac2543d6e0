import type { Command } from './driver.js';

/** Rejects each by an error object of its own: in a transaction, ioredis writes the others into that of EXEC. */
export function refuseAll(commands: readonly Command[], refusal: () => Error): void {
  for (const command of commands) command.reject(refusal());
}
