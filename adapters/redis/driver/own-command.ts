import { Command } from 'ioredis';

/** Told apart from those of callers. */
class OwnCommand extends Command {}

export const isOwn = (command: unknown): boolean => command instanceof OwnCommand;

/** A command that this library sends itself. */
export function ownCommand(name: string, args: readonly (string | Buffer)[] = []): Command {
  return new OwnCommand(name, args as never, { replyEncoding: 'utf8' } as never);
}

/** As `ownCommand`, with the reply in bytes. */
export function rawCommand(name: string, args: readonly (string | Buffer)[]): Command {
  return new OwnCommand(name, args as never, { replyEncoding: null } as never);
}
