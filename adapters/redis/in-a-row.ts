import type { Command } from './driver.js';

interface Receiver {
  refusal(): Error | undefined;
  send(command: Command): void;
}

/** What `sendTogether` of a target does where nothing has to be waited for. */
export function sendInARow(target: Receiver, commands: readonly Command[]): void {
  const refusal = target.refusal();
  for (const command of commands) {
    if (refusal === undefined) target.send(command);
    // An error object for each: ioredis writes the others into that of EXEC.
    else command.reject(target.refusal() ?? refusal);
  }
}
