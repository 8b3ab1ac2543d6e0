import { completed, type FullVerdict, type Verdict } from '../resilience/verdict.js';
import { Outcome } from '../runtime/outcome.js';
import type { CallPlan } from './options.js';

/**
 * A result that `classifyResult` says is not a success: it takes the way of an error through
 * repeats and hedges, and is returned, as it is, where the last attempt came to it.
 */
export class JudgedResult {
  readonly value: unknown;
  readonly verdict: FullVerdict;
  readonly #brand = true;

  constructor(value: unknown, verdict: FullVerdict) {
    this.value = value;
    this.verdict = verdict;
  }

  /** Touches nothing of what was thrown, which may be a Proxy that throws when it is looked at. */
  static is(thrown: unknown): thrown is JudgedResult {
    return typeof thrown === 'object' && thrown !== null && #brand in thrown;
  }
}

/** Undefined where the result is a success, which it also is where the classifier throws. */
export function judgeResult(plan: CallPlan, value: unknown): JudgedResult | undefined {
  if (plan.classifyResult === undefined) return undefined;
  let said: Outcome | Verdict | undefined;
  try {
    said = plan.classifyResult(value);
  } catch {
    return undefined;
  }
  const verdict: Partial<Verdict> = typeof said === 'number' ? { outcome: said } : (said ?? {});
  const { outcome } = verdict;
  if (outcome === undefined || outcome === Outcome.Success || !Number.isInteger(outcome)) return undefined;
  if (outcome < 0 || outcome > Outcome.Overloaded) return undefined;
  return new JudgedResult(value, completed({ ...verdict, outcome }));
}
