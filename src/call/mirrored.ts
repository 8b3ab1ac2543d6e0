import { Outcome } from '../runtime/outcome.js';
import { outcomeOf } from './failed-attempt.js';
import type { CallHost, Run } from './host.js';
import { judgeResult } from './judged-result.js';
import type { CallPlan } from './options.js';

/** Copies a call that may be made twice, where its service says so; `result` is the call itself. */
export function mirrored<T>(host: CallHost, run: Run<T>, plan: CallPlan, result: Promise<T>): Promise<T> {
  const mirror = host.router?.mirror;
  if (mirror === undefined || !plan.idempotent || !plan.shadow) return result;
  const judged = async (made: Promise<unknown>): Promise<Outcome> => {
    try {
      return judgeResult(plan, await made)?.verdict.outcome ?? Outcome.Success;
    } catch (thrown) {
      return outcomeOf(host, plan, thrown);
    }
  };
  const beganMs = host.clock.now();
  mirror.mirror({
    key: plan.key,
    labels: plan.labels,
    run: (endpoint, signal) => judged(Promise.resolve().then(() => run(endpoint, signal))),
    outcome: judged(result).then((outcome) => ({ outcome, ms: host.clock.now() - beganMs })),
  });
  // Another promise: that one counts as handled by now, whoever forgets to.
  return result.then((value) => value);
}
