import type { RedisKey } from '../common/errors.js';
import { type Command, isBuiltin, renameKeys } from '../driver/driver.js';
import { onReply } from '../driver/on-reply.js';

/** Replies of these name keys, which the caller knows by its own names. */
const NAMING: ReadonlySet<string> = new Set([
  'blpop',
  'brpop',
  'bzpopmin',
  'bzpopmax',
  'bzmpop',
  'blmpop',
  'lmpop',
  'zmpop',
  'xread',
  'xreadgroup',
]);

/** Finds keys in commands. */
export interface KeyFinder {
  keysOf(command: Command): readonly RedisKey[];
  /** Where they are among its arguments, from 0; undefined where that is not known. */
  placesOf(command: Command): readonly number[] | undefined;
}

/**
 * Gives the keys of a command other names at the server: each gets the namespace in front. What
 * names keys without declaring them (BY and GET of SORT_RO) cannot be served; the error says why.
 * Undefined where all went well.
 */
export function enterNamespace(
  command: Command,
  namespace: string,
  { keysOf, placesOf }: KeyFinder,
): string | undefined {
  if (namespace === '') return undefined;
  const name = command.name.toLowerCase();
  if (name === 'keys' || name === 'scan') {
    listWithin(command, name, namespace);
    return undefined;
  }
  if (name === 'randomkey') {
    onReply(command, (reply) => (Buffer.isBuffer(reply) ? (visibleIn(namespace, [reply])[0] ?? null) : reply));
    return undefined;
  }
  // In SORT, ioredis finds the patterns as well.
  if (name === 'sort_ro' && hasPattern(command.args)) {
    return 'BY and GET name keys that are called otherwise at the server while quarantine is in force';
  }
  const keys = keysOf(command);
  if (keys.length === 0 && command.args.length > 0 && !isBuiltin(name)) return 'its keys are not known here';
  if (!renameKeys(command, keys, (key) => within(namespace, key), placesOf(command))) {
    return 'which of its arguments are keys is not known here: one of them is there as something else, too';
  }
  if (NAMING.has(name)) onReply(command, (reply) => withoutNamespace(reply, Buffer.from(namespace)));
  return undefined;
}

export function within(namespace: string, key: RedisKey): RedisKey {
  return typeof key === 'string' ? namespace + key : Buffer.concat([Buffer.from(namespace), key]);
}

/** KEYS and SCAN show what is in the namespace, by the names that the caller knows. */
function listWithin(command: Command, name: string, namespace: string): void {
  const args = command.args as RedisKey[];
  const at = name === 'keys' ? 0 : args.findIndex((arg, i) => i > 0 && String(arg).toLowerCase() === 'match') + 1;
  // Nothing in a namespace is what a pattern reads otherwise.
  if (name === 'scan' && at === 0) args.push('MATCH', `${namespace}*`);
  else if (args[at] !== undefined) args[at] = within(namespace, args[at]);
  onReply(command, (reply) => {
    if (name === 'keys') return visibleIn(namespace, reply as Buffer[]);
    const [cursor, page] = reply as [Buffer, Buffer[]];
    return [cursor, visibleIn(namespace, page)];
  });
}

/** The keys of the namespace by the names that the caller knows. */
function visibleIn(namespace: string, keys: readonly Buffer[]): Buffer[] {
  const prefix = Buffer.from(namespace);
  return keys.filter((key) => startsWith(key, prefix)).map((key) => key.subarray(prefix.length));
}

function withoutNamespace(reply: unknown, prefix: Buffer): unknown {
  if (Buffer.isBuffer(reply)) return startsWith(reply, prefix) ? reply.subarray(prefix.length) : reply;
  if (Array.isArray(reply)) return reply.map((item) => withoutNamespace(item, prefix));
  if (reply instanceof Map) {
    return new Map([...reply].map(([key, value]) => [withoutNamespace(key, prefix), withoutNamespace(value, prefix)]));
  }
  return reply;
}

function startsWith(key: Buffer, prefix: Buffer): boolean {
  return key.length >= prefix.length && key.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}

function hasPattern(args: readonly unknown[]): boolean {
  return args.some((arg, i) => i > 0 && /^(by|get)$/i.test(String(arg)) && String(args[i + 1]).includes('*'));
}
