import type { RedisOptions } from 'ioredis';
import { FairleadError } from '../../../src/index.js';

/** What it needs of the client. */
export interface RetriesHost {
  /** The connections that the client stands on, each by what it belongs to. */
  owners(): readonly object[];
  /** All of them were given up. */
  ended(): void;
  error(error: Error): void;
}

/**
 * The option `retryStrategy`, asked for several connections. In ioredis a strategy that returns no
 * number ends the client. Here it does so when it has returned none for every shard: one that was
 * given up beside others that answer is tried again each second, as a client that has lost a part
 * of its keys for good would look well and be broken.
 */
export class Retries {
  readonly #strategy: RedisOptions['retryStrategy'];
  readonly #host: RetriesHost;
  readonly #givenUp = new WeakSet<object>();

  constructor(strategy: RedisOptions['retryStrategy'], host: RetriesHost) {
    this.#strategy = strategy;
    this.#host = host;
  }

  /** Milliseconds before the connection of `owner` is tried again; null for never. */
  delayMs(owner: object, times: number): number | null {
    const delayMs = this.#ask(times);
    if (typeof delayMs === 'number') {
      this.#givenUp.delete(owner);
      return delayMs >= 0 ? delayMs : AGAIN_MS;
    }
    this.#givenUp.add(owner);
    const owners = this.#host.owners();
    if (!owners.includes(owner) || !owners.every((each) => this.#givenUp.has(each))) return AGAIN_MS;
    process.nextTick(() => this.#host.ended());
    return null;
  }

  connected(owner: object): void {
    this.#givenUp.delete(owner);
  }

  #ask(times: number): unknown {
    if (typeof this.#strategy !== 'function') return undefined;
    try {
      return this.#strategy(times);
    } catch (error) {
      this.#host.error(callbackThrew('retryStrategy', error));
      return AGAIN_MS;
    }
  }
}

/** Between two attempts where no delay is known. */
const AGAIN_MS = 1_000;

/**
 * A callback among the options threw. What it was asked is taken to be answered by what is
 * harmless.
 */
export function callbackThrew(option: string, thrown: unknown): FairleadError {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new FairleadError('FAIRLEAD_INVALID_OPTION', `ShardedRedis.${option} threw: ${message}`, { cause: thrown });
}
