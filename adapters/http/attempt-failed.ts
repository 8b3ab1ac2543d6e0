import type { Verdict } from '../../src/index.js';

/** Carries the verdict on a failed attempt through `service.call()`. */
export class AttemptFailed extends Error {
  readonly verdict: Verdict;
  constructor(cause: unknown, verdict: Verdict) {
    super('an attempt failed', { cause });
    this.verdict = verdict;
  }
}
