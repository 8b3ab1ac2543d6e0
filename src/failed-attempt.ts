import type { CallHost } from './call.js';
import type { CallPlan } from './call-plan.js';
import type { Lease } from './lease.js';
import type { AttemptLog } from './resilience/attempts.js';
import { retryAfterOf } from './resilience/retry-after.js';
import { type Classify, type FullVerdict, repeatAfter, type Verdict } from './resilience/verdict.js';
import { classifyError, Outcome } from './runtime/outcome.js';

/** An attempt threw: judges it, ends its lease, writes it down. */
export function fail(
  host: CallHost,
  plan: CallPlan,
  log: AttemptLog,
  lease: Lease,
  thrown: unknown,
  hedge: boolean,
): FullVerdict {
  const verdict = judge(host, plan, thrown);
  lease.done(verdict.outcome);
  log.add(lease.endpoint, verdict.outcome, verdict.repeat, thrown, hedge);
  log.verdict = verdict;
  return verdict;
}

function judge(host: CallHost, plan: CallPlan, thrown: unknown): FullVerdict {
  const said = classifySafely(plan.classify ?? host.options.classify ?? classifyError, thrown);
  const verdict: Verdict = typeof said === 'number' ? { outcome: said } : said;
  return {
    outcome: verdict.outcome,
    repeat: verdict.repeat ?? repeatAfter(verdict.outcome),
    retryAfterMs: verdict.retryAfterMs ?? retryAfterOf(thrown, () => host.clock.wallMs()),
  };
}

/** A classifier that throws is not asked again for that call. Neither is one that says nothing we know. */
function classifySafely(classify: Classify, thrown: unknown): Outcome | Verdict {
  try {
    const said = classify(thrown);
    const outcome = typeof said === 'number' ? said : said.outcome;
    if (outcome >= Outcome.Success && outcome <= Outcome.Overloaded) return said;
  } catch {
    // As documented: the default then.
  }
  return classifyError(thrown);
}
