import { BoundedMap } from '../../../src/adapter.js';
import type { RedisKey } from '../common/errors.js';

/**
 * Sends COMMAND with these arguments to some server; what comes back is not believed to be well
 * formed.
 */
export type AskServer = (args: readonly RedisKey[]) => Promise<unknown>;

/**
 * Where the keys of a command are, counted from the command itself as Redis counts: 1 is the first
 * argument.
 */
interface FixedKeys {
  readonly first: number;
  /** Negative: from the end. */
  readonly last: number;
  readonly step: number;
}

type KeySpec = FixedKeys | 'movable';

/**
 * The keys of commands that ioredis does not know, those of modules above all, as the server
 * reports them. A command whose keys have fixed places (most) is asked about once, by COMMAND INFO;
 * where its arguments decide, each call is asked about by COMMAND GETKEYS.
 */
export class KeySpecs {
  readonly #ask: AskServer;
  readonly #specs = new BoundedMap<string, KeySpec>(MAX_SPECS);

  constructor(ask: AskServer) {
    this.#ask = ask;
  }

  /** Undefined where the server must be asked. */
  known(name: string, args: readonly RedisKey[]): RedisKey[] | undefined {
    const spec = this.#specs.get(name);
    return spec === undefined || spec === 'movable' ? undefined : pick(spec, args);
  }

  /** Where they are among the arguments, from 0; undefined where the arguments decide. */
  places(name: string, args: readonly RedisKey[]): number[] | undefined {
    const spec = this.#specs.get(name);
    return spec === undefined || spec === 'movable' ? undefined : placesIn(spec, args);
  }

  /**
   * The keys, empty where the command has none. Undefined for a command that the server does not
   * know or that it finds malformed. Rejects where the server cannot be asked.
   */
  async find(name: string, args: readonly RedisKey[]): Promise<RedisKey[] | undefined> {
    const spec = this.#specs.get(name) ?? (await this.#lookUp(name));
    if (spec === undefined) return undefined;
    return spec === 'movable' ? await this.#getKeys(name, args) : pick(spec, args);
  }

  async #lookUp(name: string): Promise<KeySpec | undefined> {
    const spec = specOf(await this.#ask(['INFO', name]));
    // What the server does not know today may be in a module that is loaded tomorrow.
    if (spec === undefined) return undefined;
    this.#specs.set(name, spec);
    return spec;
  }

  async #getKeys(name: string, args: readonly RedisKey[]): Promise<RedisKey[] | undefined> {
    try {
      const keys = await this.#ask(['GETKEYS', name, ...args]);
      return Array.isArray(keys) ? keys.filter(isKey) : undefined;
    } catch (error) {
      const { name: kind, message } = error as Error;
      if (kind !== 'ReplyError') throw error;
      return /no key arguments/i.test(message) ? [] : undefined;
    }
  }
}

/** More commands than all modules there are have. */
const MAX_SPECS = 1_000;

/**
 * `[[name, arity, flags, first, last, step, …, subcommands]]`, or `[null]` for an unknown command.
 */
function specOf(reply: unknown): KeySpec | undefined {
  const info: unknown = Array.isArray(reply) ? reply[0] : undefined;
  if (!Array.isArray(info)) return undefined;
  const [first, last, step] = info.slice(3, 6).map(Number) as [number, number, number];
  const flags: unknown[] = Array.isArray(info[2]) ? info[2] : [];
  const subcommands: unknown = info[9];
  if (flags.some((flag) => String(flag) === 'movablekeys') || (Array.isArray(subcommands) && subcommands.length > 0)) {
    return 'movable';
  }
  const sound = [first, last, step].every(Number.isInteger) && first > 0 && step > 0;
  return sound ? { first, last, step } : NO_KEYS;
}

const NO_KEYS: FixedKeys = { first: 0, last: -1, step: 0 };

function pick(spec: FixedKeys, args: readonly RedisKey[]): RedisKey[] {
  return placesIn(spec, args).map((at) => args[at]!);
}

function placesIn({ first, last, step }: FixedKeys, args: readonly RedisKey[]): number[] {
  const places: number[] = [];
  if (step <= 0) return places;
  const end = Math.min(last < 0 ? args.length + 1 + last : last, args.length);
  for (let i = first; i <= end; i += step) places.push(i - 1);
  return places;
}

function isKey(value: unknown): value is RedisKey {
  return typeof value === 'string' || Buffer.isBuffer(value);
}
