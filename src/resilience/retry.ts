import { fullJitterMs } from '../runtime/backoff.js';
import { fields, integer, number, optional, type Reader, refuseUnknown } from '../runtime/options.js';
import type { Random } from '../runtime/random.js';
import { type RetryBudgetOptions, readRetryBudget } from './retry-budget.js';
import type { Repeat } from './verdict.js';

export interface RetryOverrides {
  /** Attempts in all, the first included. Default 3; 1 to 100. */
  readonly maxAttempts?: number;
  /**
   * First step of the backoff: the wait is drawn between 0 and this; milliseconds. Default 25; 0 to
   * 3,600,000.
   */
  readonly baseDelayMs?: number;
  /** No backoff is longer; milliseconds. Default 1,000; 0 to 3,600,000. */
  readonly maxDelayMs?: number;
  /**
   * An attempt without an answer for this long counts as timed out, its signal aborts, and another
   * is made if the call is idempotent; milliseconds. Default: only the deadline of the call ends an
   * attempt.
   */
  readonly attemptTimeoutMs?: number | undefined;
  /**
   * A server that asks for a longer pause than this is not waited for: the call fails;
   * milliseconds. Default 10,000.
   */
  readonly maxRetryAfterMs?: number;
}

export interface RetryOptions extends RetryOverrides {
  /** Shared by all calls of the service. */
  readonly budget?: RetryBudgetOptions;
}

export interface RetrySettings {
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  readonly attemptTimeoutMs: number | undefined;
  readonly maxRetryAfterMs: number;
}

export interface ServiceRetrySettings extends RetrySettings {
  readonly budget: Required<RetryBudgetOptions>;
}

/** What is known when an attempt has failed. */
export interface FailedAttempt {
  readonly repeat: Repeat;
  /** Twice is as good as once. */
  readonly idempotent: boolean;
  /** What the server asked for; undefined where nothing. */
  readonly retryAfterMs: number | undefined;
  /** Attempts made so far. */
  readonly attempts: number;
  /** Whether there is an endpoint in rotation that this call has not tried. */
  readonly elsewhere: boolean;
}

/**
 * Milliseconds to wait before the next attempt, or -1 for none. Pure, but for the jitter.
 *
 * What was never sent goes to another endpoint at once: that endpoint has done nothing to be
 * spared. What the server said is waited out exactly, wherever the next attempt goes, since it may
 * speak for all of them.
 */
export function retryDelayMs(retry: RetrySettings, failed: FailedAttempt, random: Random): number {
  const { repeat, idempotent, retryAfterMs, attempts, elsewhere } = failed;
  if (attempts >= retry.maxAttempts) return -1;
  if (repeat === 'never' || (repeat === 'idempotent' && !idempotent)) return -1;
  if (retryAfterMs !== undefined) return retryAfterMs > retry.maxRetryAfterMs ? -1 : retryAfterMs;
  if (repeat === 'always' && elsewhere) return 0;
  return fullJitterMs(attempts, retry.baseDelayMs, retry.maxDelayMs, random);
}

const HOUR_MS = 3_600_000;

const overrides = {
  maxAttempts: integer(3, 1, 100),
  baseDelayMs: number(25, 0, HOUR_MS),
  maxDelayMs: number(1_000, 0, HOUR_MS),
  attemptTimeoutMs: optional(number(0, 1, HOUR_MS)),
  maxRetryAfterMs: number(10_000, 0, HOUR_MS),
};

export const readRetry: Reader<ServiceRetrySettings> = fields<ServiceRetrySettings>({
  ...overrides,
  budget: readRetryBudget,
});

/** One call's own options over those of the service. What is undefined is not given. */
export function overrideRetry(value: unknown, name: string, base: RetrySettings): RetrySettings {
  refuseUnknown(name, value, overrides);
  const given = value as RetryOverrides;
  const read = { ...base } as Record<keyof RetrySettings, unknown>;
  for (const key of Object.keys(overrides) as (keyof RetrySettings)[]) {
    if (given[key] !== undefined) read[key] = overrides[key](given[key], `${name}.${key}`);
  }
  return read as RetrySettings;
}
