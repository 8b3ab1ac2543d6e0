import { FairleadError } from '../../../src/index.js';
import type { RedisKey } from './errors.js';

/** Before every key that this library keeps beside those of its users, or calls otherwise. */
export const DEFAULT_PREFIX = 'fl:';

/** Nothing that a pattern of KEYS reads otherwise, and no tag that would decide a shard. */
export const PREFIX_PATTERN: RegExp = /^[\w.:-]{1,64}$/;

/** The names that are kept from callers. */
export class ReservedNames {
  readonly prefix: string;
  readonly #service: string;
  readonly #bytes: Buffer;

  constructor({ service, reservedPrefix }: { readonly service: string; readonly reservedPrefix: string }) {
    this.prefix = reservedPrefix;
    this.#service = service;
    this.#bytes = Buffer.from(reservedPrefix);
  }

  /** For any argument of a command; text or bytes can be reserved. Allocates nothing. */
  has(key: unknown): boolean {
    if (typeof key === 'string') return key.startsWith(this.prefix);
    const { length } = this.#bytes;
    return Buffer.isBuffer(key) && key.length >= length && key.compare(this.#bytes, 0, length, 0, length) === 0;
  }

  /** Why a command with these keys is not sent; undefined where none is reserved. */
  refusal(command: string, keys: readonly RedisKey[]): FairleadError | undefined {
    return keys.some((key) => this.has(key)) ? this.error(command) : undefined;
  }

  error(command: string): FairleadError {
    const { prefix } = this;
    const message =
      `${command.toUpperCase()} names a key that begins with '${prefix}', which is reserved. Nothing was sent. ` +
      'Name it otherwise, or reserve another prefix for all clients of the service (reservedPrefix).';
    return new FairleadError('FAIRLEAD_RESERVED_KEY', message, { service: this.#service });
  }
}
