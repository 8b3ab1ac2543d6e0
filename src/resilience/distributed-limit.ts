import { compact, storeKey } from '../affinity/store-key.js';
import type { Clock } from '../runtime/clock.js';
import {
  boolean,
  callback,
  integer,
  invalidOption,
  number,
  oneOf,
  type Reader,
  readOptions,
} from '../runtime/options.js';

/**
 * What is needed of a limiter of the package `rate-limiter-flexible` (`RateLimiterRedis` and its
 * siblings): `consume` resolves if there were points left; rejects with an Error when the store
 * failed, and otherwise with an object whose `msBeforeNext` says when there are points again.
 */
export interface RateLimiterLike {
  consume(key: string | number, points?: number): Promise<unknown>;
}

export interface DistributedLimitOptions {
  /** A limiter of `rate-limiter-flexible`. */
  readonly limiter: RateLimiterLike;
  /** When the store fails or is slow: let the call pass (default), or refuse it. */
  readonly onStoreFailure?: 'allow' | 'refuse';
  /** How long the store may take; milliseconds. Default 100; 1 to 60,000. */
  readonly timeoutMs?: number;
  /**
   * Keys remembered as refused, so that refusing them again asks nobody. Default 10,000; 0 to
   * 1,000,000.
   */
  readonly blockedCapacity?: number;
  /** Told when the store failed. What it throws is ignored. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** One limit for all calls instead of one per client key. Default false. */
  readonly shared?: boolean;
}

export interface DistributedLimitSettings {
  readonly limiter: RateLimiterLike;
  readonly onStoreFailure: 'allow' | 'refuse';
  readonly timeoutMs: number;
  readonly blockedCapacity: number;
  readonly onError: ((error: unknown) => void) | undefined;
  readonly shared: boolean;
}

/**
 * When to come back after a store failure that refuses, where nobody knows, and for how long a
 * store that did not answer is not asked again: about how long a failover takes.
 */
const STORE_PAUSE_MS = 1_000;

/**
 * Each call would wait `timeoutMs` for a store that hangs, so one call a second finds out whether
 * it still does.
 */
const HANGS = Symbol('the store did not answer in time');

/**
 * A rate limit that many processes share through a store, over `rate-limiter-flexible`, whose
 * scripts and stores are its own.
 */
export class DistributedLimit {
  readonly #options: DistributedLimitSettings;
  readonly #clock: Clock;
  /** Until when a key is known to have no points, in the order in which that was learnt. */
  readonly #blockedUntilMs = new Map<string, number>();
  #askAgainAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: DistributedLimitOptions, clock: Clock) {
    this.#options = readDistributedLimit(options, 'distributed');
    this.#clock = clock;
  }

  /** Whether all calls share one limit. */
  get shared(): boolean {
    return this.#options.shared;
  }

  /** Milliseconds for which the key is known to be refused; 0 where the store must be asked. */
  blockedMs(key: string, nowMs: number): number {
    const name = storeKey(key);
    const untilMs = this.#blockedUntilMs.get(name);
    if (untilMs === undefined) return 0;
    if (untilMs > nowMs) return untilMs - nowMs;
    this.#blockedUntilMs.delete(name);
    return 0;
  }

  /**
   * Takes a point of the key. 0 lets the call pass; else the milliseconds until it may. Never
   * rejects.
   */
  async tryAcquire(key: string): Promise<number> {
    const nowMs = this.#clock.now();
    const blockedMs = this.blockedMs(key, nowMs);
    if (blockedMs > 0) return blockedMs;
    if (nowMs < this.#askAgainAtMs) return this.#undecided(this.#askAgainAtMs - nowMs);
    try {
      await this.#consumeInTime(key);
      return 0;
    } catch (thrown) {
      if (thrown === HANGS) return this.#hangs();
      const waitMs = msBeforeNext(thrown);
      if (waitMs === undefined) return this.#failed(thrown);
      this.#block(key, waitMs);
      return waitMs;
    }
  }

  #consumeInTime(key: string): Promise<unknown> {
    const { limiter, timeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.awaited(timeoutMs, () => reject(HANGS));
      const settle = (end: () => void): void => {
        timer.cancel();
        end();
      };
      consume(limiter, key).then(
        (result) => settle(() => resolve(result)),
        (thrown: unknown) => settle(() => reject(thrown)),
      );
    });
  }

  #hangs(): number {
    this.#askAgainAtMs = this.#clock.now() + STORE_PAUSE_MS;
    const { timeoutMs } = this.#options;
    return this.#failed(new Error(`The store of a distributed rate limit did not answer within ${timeoutMs} ms.`));
  }

  #failed(thrown: unknown): number {
    try {
      const told: unknown = this.#options.onError?.(thrown);
      if (told instanceof Promise) told.catch(ignore);
    } catch {
      // A callback of the user's does not decide about calls.
    }
    return this.#undecided(STORE_PAUSE_MS);
  }

  /** What holds while the store cannot say. */
  #undecided(retryAfterMs: number): number {
    return this.#options.onStoreFailure === 'allow' ? 0 : retryAfterMs;
  }

  #block(key: string, waitMs: number): void {
    const { blockedCapacity } = this.#options;
    // What never ends for the store may be ended by somebody there: it is asked each time.
    if (blockedCapacity === 0 || waitMs === Number.POSITIVE_INFINITY) return;
    const name = compact(storeKey(key));
    this.#blockedUntilMs.delete(name);
    // Forgetting one costs a question to the store, nothing else.
    if (this.#blockedUntilMs.size >= blockedCapacity) {
      this.#blockedUntilMs.delete(this.#blockedUntilMs.keys().next().value as string);
    }
    this.#blockedUntilMs.set(name, this.#clock.now() + waitMs);
  }
}

/** A limiter that throws at once is one that rejects. */
async function consume(limiter: RateLimiterLike, key: string): Promise<unknown> {
  return limiter.consume(key);
}

/**
 * At least 1: a refusal of 0 ms would be none. Infinity where the limiter says -1: points that
 * never come back. Undefined for what is no refusal.
 */
function msBeforeNext(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof Error) return undefined;
  const { msBeforeNext: waitMs } = thrown as { msBeforeNext?: unknown };
  if (typeof waitMs !== 'number' || Number.isNaN(waitMs)) return undefined;
  return waitMs < 0 ? Number.POSITIVE_INFINITY : Math.max(1, waitMs);
}

function ignore(): void {}

export const readDistributedLimit: Reader<DistributedLimitSettings> = (value, name) =>
  readOptions<DistributedLimitSettings>(name, value, {
    limiter: (given, at) => {
      if (typeof (given as RateLimiterLike | undefined)?.consume === 'function') return given as RateLimiterLike;
      throw invalidOption(at, given, "a limiter of 'rate-limiter-flexible'");
    },
    onStoreFailure: oneOf('allow', 'allow', 'refuse'),
    timeoutMs: number(100, 1, 60_000),
    blockedCapacity: integer(10_000, 0, 1_000_000),
    onError: callback(),
    shared: boolean(false),
  });
