import { FairleadError, type FairleadErrorCode } from '../runtime/errors.js';
import { Outcome } from '../runtime/outcome.js';
import { outcomeOf } from './failed-attempt.js';
import type { CallHost } from './host.js';
import type { CallPlan } from './options.js';

/** What the caller did, or is about to mend: an answer in its place would hide it. */
const THE_CALLERS: ReadonlySet<FairleadErrorCode> = new Set(['FAIRLEAD_CANCELLED', 'FAIRLEAD_INVALID_OPTION']);

/**
 * Whether a fallback stands in for this: nobody served the call. An error of the application is an
 * answer, and what the caller gave up is nobody's to answer.
 */
export function callsForFallback(host: CallHost, plan: CallPlan, thrown: unknown): boolean {
  if (plan.fallback === undefined) return false;
  if (thrown instanceof FairleadError) return !THE_CALLERS.has(thrown.code);
  const outcome = outcomeOf(host, plan, thrown);
  return outcome !== Outcome.ApplicationError && outcome !== Outcome.Cancelled;
}

/** What the call resolves with instead; rejects with what the caller's function throws. */
export async function fallBack<T>(host: CallHost, plan: CallPlan, thrown: unknown): Promise<T> {
  host.plan.stats.fallbacks++;
  const { fallback } = plan;
  return (typeof fallback?.value === 'function' ? fallback.value(thrown) : fallback?.value) as T;
}
