import { type Command, ownCommand } from '../driver/driver.js';

/**
 * Whether a server that answers has its data. One that is reading it, or a replica that has lost
 * its primary and may not serve what it has, refuses all that names a key; to ROLE it answers as
 * ever.
 *
 * ## Trip Conditions
 *
 * A command is answered by `-LOADING` or `-MASTERDOWN`.
 *
 * ## Recovery Conditions
 *
 * EXISTS, of a name that is reserved, is answered by anything else.
 */
export class MissingData {
  #missing = false;
  readonly #key: string;

  constructor(reservedPrefix: string) {
    this.#key = `${reservedPrefix}data`;
  }

  get missing(): boolean {
    return this.#missing;
  }

  /** A command was answered by this error: whether the server lacks its data by that. */
  refused({ message }: Error): boolean {
    if (!saysMissing(message)) return false;
    this.#missing = true;
    return true;
  }

  /** The command that asks whether it is there. */
  question(): Command {
    const command = ownCommand('exists', [this.#key]);
    const there = (): void => {
      this.#missing = false;
    };
    command.promise.then(there, (error: Error) => {
      if (error.name === 'ReplyError' && !saysMissing(error.message)) there();
    });
    return command;
  }
}

function saysMissing(message: string): boolean {
  return message.startsWith('LOADING ') || message.startsWith('MASTERDOWN ');
}
