import { compact, storeKey } from '../affinity/store-key.js';
import { BoundedMap } from '../runtime/bounded-map.js';
import { type Clock, judgeAfter, type Timer } from '../runtime/clock.js';
import {
  boolean,
  callback,
  described,
  fields,
  integer,
  invalidOption,
  number,
  oneOf,
  type Reader,
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
   * Keys remembered as refused, so that refusing them again needs no request to the store. Default
   * 10,000; 0 to 1,000,000.
   */
  readonly blockedCapacity?: number;
  /** Called when the store failed. What it throws is ignored. */
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
 * When to come back after a store failure that refuses, where nothing better is known, and how long
 * a store that did not answer in time is left alone: about as long as a failover takes.
 */
const STORE_PAUSE_MS = 1_000;

/**
 * A store that has not answered anything for this share of its timeout is taken to hang, unless it
 * is known as slower.
 */
const SUSPICION = 0.1;

/**
 * How many times the usual answer time a silence must last: a store that is slow, but answers, does
 * not hang.
 */
const SLOWER_THAN_USUAL = 2;

/** The store was asked and has not answered yet. */
interface Question {
  readonly askedMs: number;
  /** Lets its call go on without an answer. Idempotent. */
  release(): void;
}

/**
 * A rate limit that many processes share through a store, over `rate-limiter-flexible`, whose
 * scripts and stores are its own.
 *
 * ## When the store hangs
 *
 * Each call would wait `timeoutMs` for a store that does not answer, at 3,000 calls a second 300 of
 * them at once. So once the store has been silent for a tenth of that (or twice its usual answer
 * time), one question stays to find out, and all other calls go on undecided. When that one times
 * out the store is left alone for a second.
 */
export class DistributedLimit {
  readonly #options: DistributedLimitSettings;
  readonly #clock: Clock;
  /** Until when a key is known to have no points, in the order in which that was learnt. */
  /** Forgetting one costs a question to the store, nothing else. */
  readonly #blockedUntilMs: BoundedMap<string, number>;
  /** Questions without an answer, in the order in which they were asked. */
  readonly #asked = new Set<Question>();
  #askAgainAtMs = Number.NEGATIVE_INFINITY;
  /** Answers may take about this long: the longest of late, halved with each that is faster. */
  #usualMs = 0;
  #answeredMs = Number.NEGATIVE_INFINITY;
  #silent = false;
  #listening: Timer | undefined;

  constructor(options: DistributedLimitOptions, clock: Clock) {
    this.#options = readDistributedLimit(options, 'distributed');
    this.#blockedUntilMs = new BoundedMap(Math.max(1, this.#options.blockedCapacity));
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
    // A request is in progress already, which will show when the store is back.
    if (this.#silent && this.#asked.size > 0) return this.#undecided(STORE_PAUSE_MS);
    return this.#ask(key, nowMs);
  }

  #ask(key: string, askedMs: number): Promise<number> {
    return new Promise((resolve) => {
      const question: Question = { askedMs, release: () => resolve(this.#undecided(STORE_PAUSE_MS)) };
      const timer = judgeAfter(this.#clock, this.#options.timeoutMs, () => this.#timedOut(question));
      const answered = (waitMs: number): void => {
        timer.cancel();
        this.#answered(question);
        resolve(waitMs);
      };
      this.#asked.add(question);
      this.#listen();
      consume(this.#options.limiter, key).then(
        () => answered(0),
        (thrown: unknown) => answered(this.#refused(key, thrown)),
      );
    });
  }

  #answered(question: Question): void {
    const nowMs = this.#clock.now();
    this.#answeredMs = nowMs;
    this.#silent = false;
    this.#usualMs = Math.max(nowMs - question.askedMs, this.#usualMs / 2);
    this.#settled(question);
  }

  #settled(question: Question): void {
    this.#asked.delete(question);
    if (this.#asked.size > 0) return;
    this.#listening?.cancel();
    this.#listening = undefined;
  }

  /**
   * The first that waited in vain speaks for all that were asked since: none of them waits any
   * longer.
   */
  #timedOut(question: Question): void {
    if (!this.#asked.has(question)) return;
    const waiting = [...this.#asked];
    this.#asked.clear();
    this.#settled(question);
    this.#askAgainAtMs = this.#clock.now() + STORE_PAUSE_MS;
    const { timeoutMs } = this.#options;
    this.#failed(new Error(`The store of a distributed rate limit did not answer within ${timeoutMs} ms.`));
    for (const each of waiting) each.release();
  }

  /** Watches for silence while there is a question. */
  #listen(): void {
    this.#listening ??= this.#clock.awaited(this.#patienceMs, () => this.#look());
  }

  get #patienceMs(): number {
    const { timeoutMs } = this.#options;
    return Math.min(timeoutMs, Math.max(timeoutMs * SUSPICION, this.#usualMs * SLOWER_THAN_USUAL));
  }

  #look(secondLook = false): void {
    const [oldest] = this.#asked;
    this.#listening = undefined;
    if (oldest === undefined) return;
    const silentMs = this.#clock.now() - Math.max(oldest.askedMs, this.#answeredMs);
    const leftMs = this.#patienceMs - silentMs;
    // After a busy spell of our own the answer may be in the socket: it is read before the next
    // timer fires.
    if (leftMs > 0 || !secondLook) {
      this.#listening = this.#clock.awaited(Math.max(leftMs, 1), () => this.#look(leftMs <= 0));
      return;
    }
    this.#silent = true;
    for (const question of this.#asked) if (question !== oldest) question.release();
  }

  /** What the limiter rejected with: the milliseconds of a refusal, or a failure. */
  #refused(key: string, thrown: unknown): number {
    const waitMs = msBeforeNext(thrown);
    if (waitMs === undefined) return this.#failed(thrown);
    this.#block(key, waitMs);
    return waitMs;
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
    // A block without an end may still be lifted in the store: it is asked each time.
    if (blockedCapacity === 0 || waitMs === Number.POSITIVE_INFINITY) return;
    this.#blockedUntilMs.set(compact(storeKey(key)), this.#clock.now() + waitMs);
  }
}

/** A limiter that throws at once is one that rejects. */
async function consume(limiter: RateLimiterLike, key: string): Promise<unknown> {
  return limiter.consume(key);
}

/**
 * At least 1: a refusal of 0 ms would be none. Infinity where the limiter says -1: points that
 * never come back. Undefined for what is not a refusal.
 */
function msBeforeNext(thrown: unknown): number | undefined {
  if (typeof thrown !== 'object' || thrown === null || thrown instanceof Error) return undefined;
  const { msBeforeNext: waitMs } = thrown as { msBeforeNext?: unknown };
  if (typeof waitMs !== 'number' || Number.isNaN(waitMs)) return undefined;
  return waitMs < 0 ? Number.POSITIVE_INFINITY : Math.max(1, waitMs);
}

function ignore(): void {}

export const readDistributedLimit: Reader<DistributedLimitSettings> = fields<DistributedLimitSettings>({
  limiter: described({ shape: { type: 'code' }, required: true }, (given, at) => {
    if (typeof (given as RateLimiterLike | undefined)?.consume === 'function') return given as RateLimiterLike;
    throw invalidOption(at, given, "a limiter of 'rate-limiter-flexible'");
  }),
  onStoreFailure: oneOf('allow', 'allow', 'refuse'),
  timeoutMs: number(100, 1, 60_000),
  blockedCapacity: integer(10_000, 0, 1_000_000),
  onError: callback(),
  shared: boolean(false),
});
