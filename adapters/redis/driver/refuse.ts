import type { Command } from 'ioredis';

let refused: { readonly command: Command; readonly error: Error }[] = [];

/**
 * Rejects a command that is not sent, in the next turn of the event loop. A caller that tries again
 * at once, and again, would else keep the process from all else, above all from hearing that the
 * server is back.
 */
export function refuse(command: Command, error: Error): void {
  if (refused.length === 0) setImmediate(rejectAll);
  refused.push({ command, error });
}

/**
 * Each with its own error object: in a transaction, ioredis writes the others into that of EXEC.
 */
export function refuseAll(commands: readonly Command[], refusal: () => Error): void {
  for (const command of commands) refuse(command, refusal());
}

function rejectAll(): void {
  const all = refused;
  refused = [];
  for (const { command, error } of all) command.reject(error);
}
