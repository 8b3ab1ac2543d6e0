import type { Lease } from '../picking/lease.js';
import type { AttemptLog } from '../resilience/attempts.js';
import { retryAfterOf } from '../resilience/retry-after.js';
import { type Classify, completed, type FullVerdict, type Verdict } from '../resilience/verdict.js';
import { classifyError, Outcome } from '../runtime/outcome.js';
import type { CallHost } from './host.js';
import { JudgedResult } from './judged-result.js';
import type { CallPlan } from './options.js';

/**
 * An attempt threw: judges it, ends its lease, writes it down. `hadMs`: how long it took; undefined
 * where that is not known.
 */
export function fail(
  host: CallHost,
  plan: CallPlan,
  log: AttemptLog,
  lease: Lease,
  thrown: unknown,
  hedge: boolean,
  hadMs: number | undefined,
): FullVerdict {
  const verdict = judge(host, plan, thrown);
  lease.done(verdict.outcome, hadMs);
  log.add(lease.endpoint, verdict.outcome, verdict.repeat, thrown, hedge);
  log.verdict = verdict;
  return verdict;
}

/** What was thrown, or returned and judged, says of its endpoint. */
export function outcomeOf(host: CallHost, plan: CallPlan, thrown: unknown): Outcome {
  return judge(host, plan, thrown).outcome;
}

function judge(host: CallHost, plan: CallPlan, thrown: unknown): FullVerdict {
  if (JudgedResult.is(thrown)) return thrown.verdict;
  const said = completed(classifySafely(plan.classify ?? host.options.classify, thrown));
  return said.retryAfterMs === undefined ? { ...said, retryAfterMs: pauseSafely(host, thrown) } : said;
}

/**
 * A classifier that throws is not asked again for that call. Neither is one that says nothing we
 * know.
 */
function classifySafely(classify: Classify | undefined, thrown: unknown): Verdict {
  const { ApplicationError, Overloaded } = Outcome;
  for (const each of [classify, classifyError]) {
    try {
      const said = each?.(thrown);
      const verdict = typeof said === 'number' ? { outcome: said } : said;
      if (
        verdict !== undefined &&
        Number.isInteger(verdict.outcome) &&
        verdict.outcome >= 0 &&
        verdict.outcome <= Overloaded
      )
        return verdict;
    } catch {
      // As documented: the default then. What even the default cannot read is not a network error.
    }
  }
  return { outcome: ApplicationError };
}

function pauseSafely(host: CallHost, thrown: unknown): number | undefined {
  try {
    return retryAfterOf(thrown, () => host.clock.wallMs());
  } catch {
    return undefined;
  }
}
