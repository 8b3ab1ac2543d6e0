import { compact, type RouteSettings, storeKey } from '../../../src/adapter.js';
import type { Clock } from '../../../src/index.js';
import type { RateLimiterLike } from '../../../src/resilience/index.js';
import type { Keyed } from './keys.js';

type RateLimitSettings = NonNullable<RouteSettings['rateLimit']>;

/** What a limit says of one request. */
export interface Allowance {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly resetMs: number;
}

/** Keys counted by themselves within one window; what comes then shares one count. */
const MAX_KEYS = 100_000;
const STRANGERS = '\0';

/**
 * Requests of each key in windows that begin at the same time for all, in bounded memory: keys of
 * more than 128 characters are held by their hash.
 */
export class WindowCounts {
  readonly #max: number;
  readonly #windowMs: number;
  #counts = new Map<string, number>();
  #endsMs = Number.NEGATIVE_INFINITY;

  constructor(max: number, windowMs: number) {
    this.#max = max;
    this.#windowMs = windowMs;
  }

  take(key: string, nowMs: number): Allowance {
    if (nowMs >= this.#endsMs) {
      this.#counts = new Map();
      this.#endsMs = nowMs + this.#windowMs;
    }
    const name = storeKey(key);
    const known = this.#counts.get(name);
    // What is cut out of a header keeps the whole header in memory.
    const own = known !== undefined ? name : this.#counts.size < MAX_KEYS ? compact(name) : STRANGERS;
    const used = known ?? this.#counts.get(own) ?? 0;
    const resetMs = this.#endsMs - nowMs;
    if (used >= this.#max) return { allowed: false, remaining: 0, resetMs };
    this.#counts.set(own, used + 1);
    return { allowed: true, remaining: this.#max - used - 1, resetMs };
  }
}

/** A store that takes longer is not waited for; milliseconds. */
const STORE_TIMEOUT_MS = 250;

/** The rate limit of a route. */
export class RouteLimit {
  readonly #settings: RateLimitSettings;
  readonly #name: string;
  readonly #counts: WindowCounts;
  readonly #store: RateLimiterLike | undefined;
  readonly #clock: Clock;
  /** Requests that passed because the store could not say. */
  storeFailures = 0;

  constructor(name: string, settings: RateLimitSettings, store: RateLimiterLike | undefined, clock: Clock) {
    this.#settings = settings;
    this.#name = name;
    this.#counts = new WindowCounts(settings.requests, settings.windowS * 1_000);
    this.#store = store;
    this.#clock = clock;
  }

  /** A promise only where a store is asked. */
  take(keyed: Keyed): Allowance | Promise<Allowance | undefined> {
    const key = this.#keyOf(keyed);
    return this.#store === undefined ? this.#counts.take(key, this.#clock.now()) : this.#ask(this.#store, key);
  }

  /** draft-ietf-httpapi-ratelimit-headers-10, and Retry-After for those who are refused. */
  headers({ allowed, remaining, resetMs }: Allowance): string[] {
    const { requests, windowS } = this.#settings;
    const seconds = Math.ceil(resetMs / 1_000);
    const name = JSON.stringify(this.#name.replace(/[^\x20-\x7e]/g, '?'));
    const headers = [
      'ratelimit-policy',
      `${name};q=${requests};w=${windowS}`,
      'ratelimit',
      `${name};r=${remaining};t=${seconds}`,
    ];
    return allowed ? headers : [...headers, 'retry-after', String(Math.max(1, seconds))];
  }

  #keyOf({ client, header }: Keyed): string {
    const { by } = this.#settings;
    if (by === 'route') return '';
    return (by === 'client' ? client : header(by.header.toLowerCase())) ?? '';
  }

  /** Undefined where the store failed or was too slow: the request passes. */
  #ask(store: RateLimiterLike, key: string): Promise<Allowance | undefined> {
    return new Promise((resolve) => {
      const failed = (): void => {
        this.storeFailures++;
        resolve(undefined);
      };
      const timer = this.#clock.awaited(STORE_TIMEOUT_MS, failed);
      const heard = (answer: unknown, allowed: boolean): void => {
        timer.cancel();
        const { remainingPoints, msBeforeNext } = (answer ?? {}) as Record<string, unknown>;
        if (typeof msBeforeNext !== 'number') failed();
        else resolve({ allowed, remaining: Number(remainingPoints ?? 0), resetMs: msBeforeNext });
      };
      // Longer than a store, or its log, should see: kept by its hash.
      asked(store, `${this.#name}:${storeKey(key)}`).then(
        (answer) => heard(answer, true),
        (refusal: unknown) => heard(refusal, false),
      );
    });
  }
}

/** A limiter that throws at once is one that rejects. */
async function asked(store: RateLimiterLike, key: string): Promise<unknown> {
  return store.consume(key);
}
