import type { Command } from '../driver/driver.js';

/**
 * Where the commands of some keys go: a shard as it is, or one with something done to the commands
 * on the way (another name for their keys, a wait, a move of the keys first). Keys with one target
 * can be in one command.
 */
export interface TargetOf<Shard> {
  /** The name of the shard that gets them. */
  readonly name: string;
  /** The server behind it. */
  readonly shard: Shard;
  /** Why nothing can be sent now; undefined where it can. */
  refusal(): Error | undefined;
  /** Settles the command one way or the other. */
  send(command: Command): void;
  /** Those of a transaction: all in a row, or none. */
  sendTogether(commands: readonly Command[]): void;
  /** For commands that hold their connection. */
  readonly blocking: { send(command: Command): void };
}
