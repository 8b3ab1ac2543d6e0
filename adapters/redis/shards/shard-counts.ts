import { type Command, isOwn } from '../driver/driver.js';

/** What became of the commands of one shard, since its client made it. Counted up. */
export class ShardCounts {
  commands = 0;
  errors = 0;
  refused = 0;
  uncertain = 0;
  timedOut = 0;
  movedIn = 0;
  movedOut = 0;

  /** The server answered by an error. */
  answered(command: Command): void {
    if (!isOwn(command) && !isSetInfo(command)) this.errors++;
  }

  /** The connection broke before these were answered. */
  readonly broke = (commands: readonly Command[]): void => {
    for (const command of commands) if (!isOwn(command)) this.uncertain++;
  };

  /** It was not answered within its time limit. */
  readonly late = (command: unknown): void => {
    if (!isOwn(command)) this.timedOut++;
  };
}

/** Sent by ioredis with every connection; servers before 7.2 do not know it. */
function isSetInfo({ name, args }: Command): boolean {
  return name === 'client' && String(args[0]).toLowerCase() === 'setinfo';
}
