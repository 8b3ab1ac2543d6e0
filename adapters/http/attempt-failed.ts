import type { Verdict } from '../../src/index.js';

/** Carries the verdict on a failed attempt through `service.call()`. */
export class AttemptFailed extends Error {
  readonly verdict: Verdict;
  constructor(cause: unknown, verdict: Verdict) {
    super('an attempt failed', { cause });
    this.verdict = verdict;
  }
}

/** What a caller hears: the error of undici itself, also where `service.call()` tells of it. */
export function unwrapped(thrown: unknown): Error {
  if (thrown instanceof AttemptFailed) return thrown.cause as Error;
  const error = thrown as Error;
  if (error.cause instanceof AttemptFailed)
    Object.defineProperty(error, 'cause', { value: error.cause.cause, configurable: true, writable: true });
  return error;
}
