import { Command, Redis, type RedisOptions } from 'ioredis';
import { isSort, sortKeys } from './sort-keys.js';

/**
 * The keys that ioredis sees in a command. Where one is missing it would write `undefined` into the
 * arguments.
 */
export function keysOf(command: Command): (string | Buffer)[] {
  const { length } = command.args;
  if (length === 0) return [];
  if (isSort(command.name)) return sortKeys(command.args as (string | Buffer)[]);
  const keys = command.getKeys() as (string | Buffer | undefined)[];
  if (command.args.length > length) command.args.length = length;
  return keys.every((key) => key !== undefined)
    ? (keys as (string | Buffer)[])
    : keys.filter((key) => key !== undefined);
}

/** The key as a command has it. */
export function prefixed(key: string | Buffer, { keyPrefix = '' }: RedisOptions): string | Buffer {
  if (keyPrefix === '') return key;
  return typeof key === 'string' ? keyPrefix + key : Buffer.concat([Buffer.from(keyPrefix), key]);
}

/** Whether it ends the connection that gets it. */
export function isQuit(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'quit';
}

let builtin: ReadonlySet<string> | undefined;

/** True for the name, in lower case, of a command that ioredis knows. */
export function isBuiltin(name: string): boolean {
  builtin ??= new Set(new Redis({ lazyConnect: true }).getBuiltinCommands());
  return builtin.has(name);
}

/**
 * Commands of a pipeline are numbered so that ioredis can detect a torn one; split, the numbers
 * mean nothing.
 */
export function leavePipeline(command: Command): void {
  if (command.pipelineIndex !== undefined) command.pipelineIndex = undefined as never;
}

/**
 * Gives the keys of a command other names. For commands in which ioredis finds none itself: `keys`
 * are those that were found in it, `places` where they are among the arguments. Without places a
 * text that is a key here and something else there cannot be told apart: false, and nothing is
 * changed.
 */
export function renameKeys(
  command: Command,
  keys: readonly (string | Buffer)[],
  rename: (key: string | Buffer) => string | Buffer,
  places: readonly number[] | undefined,
): boolean {
  const own = command as unknown as KeyedCommand;
  const { length } = own.args;
  if (keysOf(command).length > 0) {
    // It remembers what it found. A key that is missing stays missing.
    own.keys = undefined;
    own._iterateKeys((key) => (key === undefined ? key : rename(key)));
    own.args.length = length;
    return true;
  }
  const found = places ?? placesOf(own.args, keys);
  for (const at of found ?? []) own.args[at] = rename(own.args[at]!);
  return found !== undefined;
}

/** Where these are among the arguments; undefined where one of them is there more or less often. */
function placesOf(args: readonly (string | Buffer)[], keys: readonly (string | Buffer)[]): number[] | undefined {
  const left = new Map<string, number>();
  for (const key of keys) left.set(bytesOf(key), (left.get(bytesOf(key)) ?? 0) + 1);
  const places: number[] = [];
  for (const [at, arg] of args.entries()) {
    const bytes = bytesOf(arg);
    const times = left.get(bytes);
    if (times === undefined) continue;
    left.set(bytes, times - 1);
    places.push(at);
  }
  return [...left.values()].every((times) => times === 0) ? places : undefined;
}

/** The same of a string and of a Buffer, byte by byte. */
const bytesOf = (text: string | Buffer): string => Buffer.from(text as string).toString('latin1');

/** What is changed of a command on its way to a server, as it was before. */
export interface MadeCommand {
  readonly reject: Command['reject'];
  /** It may be sent once more. Must not be settled. */
  restore(): void;
}

export function asMade(command: Command): MadeCommand {
  const own = command as unknown as KeyedCommand;
  const args = [...own.args];
  const { resolve, reject } = command;
  const restore = (): void => {
    own.args.splice(0, own.args.length, ...args);
    own.keys = undefined;
    Object.assign(command, { resolve, reject });
  };
  return { reject, restore };
}

interface KeyedCommand {
  keys: readonly (string | Buffer)[] | undefined;
  readonly args: (string | Buffer)[];
  _iterateKeys(rename: (key: string | Buffer | undefined) => string | Buffer | undefined): void;
}

export type { ConnectionErrors } from './connection.js';
export { connectTo } from './connection.js';
export { defineCommands } from './flat-arguments.js';
export * from './inside.js';
export * from './own-command.js';
export { refuse, refuseAll } from './refuse.js';
export { Command, Redis, type RedisOptions };
