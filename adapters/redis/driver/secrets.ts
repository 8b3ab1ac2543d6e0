import { type InspectOptions, inspect } from 'node:util';
import type { RedisOptions } from 'ioredis';

/**
 * Keeps what ioredis writes into errors and objects out of what is printed. An error of a server
 * bears the command that it answers, and the command of a login bears the password; options, and
 * with them a client, bear it as well.
 */

/** Options that are, or have in them, what opens a door. */
const SECRET_OPTIONS = ['password', 'tls'] as const;

/** What an error of ioredis has beside the fields of an Error. */
interface DriverError extends Error {
  command?: { readonly name: string; readonly args: readonly unknown[] };
  previousErrors?: readonly Error[];
}

/**
 * Takes the command out of what is printed of an error, by `console.log`, a logger or JSON;
 * `error.command` is still there for programs that ask for it, without the arguments where these
 * are secret. Every error that a connection hands on comes by here. Idempotent.
 */
export function concealCommand(error: unknown): void {
  if (!(error instanceof Error)) return;
  const { command } = error as DriverError;
  if (command === undefined || !Object.isExtensible(error)) return;
  const secret = isSecret(command);
  if (secret) concealEcho(error);
  const value = secret ? { name: command.name, args: command.args.map(() => HIDDEN) } : command;
  Object.defineProperty(error, 'command', { value, enumerable: false, configurable: true, writable: true });
}

const HIDDEN = '(hidden)';

/** A server that does not know a command repeats its arguments. */
const ECHO = /(?<=with args beginning with:)[^\n]*/g;

function concealEcho(error: Error): void {
  for (const field of ['message', 'stack'] as const) {
    const text = error[field];
    if (text?.includes('args beginning with')) error[field] = text.replace(ECHO, ` ${HIDDEN}`);
  }
}

/** Logins, and what sets or names passwords. */
function isSecret({ name, args }: NonNullable<DriverError['command']>): boolean {
  const [first] = args.map((arg) => String(arg).slice(0, 8).toLowerCase());
  switch (String(name).toLowerCase()) {
    case 'auth':
    case 'hello':
    case 'migrate':
      return true;
    case 'config':
      return first === 'set';
    case 'acl':
      return first === 'setuser';
    default:
      return false;
  }
}

/** Options stay readable by name, and are neither printed nor copied. */
export function concealOptions(options: RedisOptions): void {
  for (const name of SECRET_OPTIONS) {
    Object.defineProperty(options, name, {
      value: options[name],
      enumerable: false,
      configurable: true,
      writable: true,
    });
  }
}

/** A copy with what `concealOptions` keeps from being copied. */
export function copyOptions(options: RedisOptions): RedisOptions {
  const copy: RedisOptions = { ...options };
  for (const name of SECRET_OPTIONS) if (options[name] != null) copy[name] = options[name] as never;
  return copy;
}

/**
 * From now on the object is printed as what `describe` returns, by `inspect` and as JSON. For
 * prototypes.
 */
export function describeAs<T extends object>(prototype: T, describe: (self: T) => object): void {
  const define = (name: symbol | string, value: unknown): void => {
    Object.defineProperty(prototype, name, { value, enumerable: false, configurable: true, writable: true });
  };
  define('toJSON', function (this: T) {
    return describe(this);
  });
  define(inspect.custom, function (this: T, _depth: number, options: InspectOptions) {
    return `${this.constructor.name} ${inspect(describe(this), options)}`;
  });
}
