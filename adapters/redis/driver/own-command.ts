import { Command } from 'ioredis';
import { flatArguments } from './flat-arguments.js';

/**
 * A command that no caller made: what `Command.setArgumentTransformer` and `setReplyTransformer`
 * say of its name is meant for those of callers. Of a command that is sent in parts it would be
 * applied to the whole and to each part.
 */
class UntransformedCommand extends Command {
  constructor(name: string, args: unknown[], replyEncoding: BufferEncoding | null) {
    super('', flatArguments(args), { replyEncoding } as never);
    this.name = name;
  }

  override transformReply(reply: Buffer | Buffer[]): Buffer | Buffer[] {
    return decoded(this, reply) as Buffer;
  }
}

/** The reply as the command's caller wants it, text or bytes, and not transformed. */
export function decoded(command: Command, reply: unknown): unknown {
  const { replyEncoding } = command as unknown as { readonly replyEncoding: unknown };
  return Command.prototype.transformReply.call({ name: '', replyEncoding } as unknown as Command, reply as Buffer);
}

/** Told apart from those of callers. */
class OwnCommand extends UntransformedCommand {}

export const isOwn = (command: unknown): boolean => command instanceof OwnCommand;

/** A command that this library sends itself. */
export function ownCommand(name: string, args: readonly (string | Buffer)[] = []): Command {
  return new OwnCommand(name, [...args], 'utf8');
}

/** As `ownCommand`, with the reply in bytes. */
export function rawCommand(name: string, args: readonly (string | Buffer)[]): Command {
  return new OwnCommand(name, [...args], null);
}

/**
 * A part of another command, with arguments that nothing else has; its reply stays in buffers until
 * the whole is put together.
 */
export function partOf(command: Command, args: unknown[]): Command {
  return new UntransformedCommand(command.name, args, null);
}
