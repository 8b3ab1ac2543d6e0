import type { ArmTally } from '../split/arm-counts.js';
import { SequentialTest } from './sequential-test.js';

/** What decides that a canary is worse. */
export interface JudgeSettings {
  /** Probability of a false alarm per signal, over all looks of a step. */
  readonly alpha: number;
  /** Fewer calls of the canary say nothing. */
  readonly minCalls: number;
  /** Fewer bad calls of the canary say nothing. */
  readonly minBad: number;
  /** Errors: the canary's rate is above the baseline's by this, in points of a per cent. */
  readonly errorPoints: number;
  /** Latency: the canary's share of slow calls is this many times the baseline's. */
  readonly slowTimes: number;
}

export type CanarySignal = 'errors' | 'latency';

/** The evidence of one signal since the step began. */
export interface Evidence {
  readonly canary: { readonly calls: number; readonly bad: number };
  readonly baseline: { readonly calls: number; readonly bad: number };
  /** Of the hypothesis that the canary is no worse; smallest so far. */
  readonly pValue: number;
}

interface Counted {
  calls: number;
  bad: number;
}

/** One signal: its test, and what was counted since the step began. */
class Signal implements Evidence {
  readonly canary: Counted = { calls: 0, bad: 0 };
  readonly baseline: Counted = { calls: 0, bad: 0 };
  readonly #test = new SequentialTest();
  #pending = { canaryCalls: 0, canaryBad: 0, baselineCalls: 0, baselineBad: 0 };

  get pValue(): number {
    return this.#test.pValue;
  }

  add(canary: Counted, baseline: Counted): void {
    const pending = this.#pending;
    pending.canaryCalls += canary.calls;
    pending.canaryBad += canary.bad;
    pending.baselineCalls += baseline.calls;
    pending.baselineBad += baseline.bad;
    add(this.canary, canary);
    add(this.baseline, baseline);
    // What an arm without calls has to be compared with waits until it has some.
    if (pending.canaryCalls === 0 || pending.baselineCalls === 0) return;
    this.#test.look(pending);
    this.#pending = { canaryCalls: 0, canaryBad: 0, baselineCalls: 0, baselineBad: 0 };
  }
}

function add(sum: Counted, { calls, bad }: Counted): void {
  sum.calls += calls;
  sum.bad += bad;
}

/**
 * Compares a canary with the baseline over one step: errors, and calls slower than the baseline's
 * p95. Worse is what the sequential test says is no chance, and is large enough to matter.
 */
export class Judge {
  readonly #settings: JudgeSettings;
  readonly errors: Signal = new Signal();
  readonly latency: Signal = new Signal();
  #canary: ArmTally;
  #baseline: ArmTally;

  /** What the arms had counted when the step began. */
  constructor(settings: JudgeSettings, canary: ArmTally, baseline: ArmTally) {
    this.#settings = settings;
    this.#canary = copy(canary);
    this.#baseline = copy(baseline);
  }

  /** What the arms have counted by now. Returns the signal that shows the canary to be worse. */
  look(canary: ArmTally, baseline: ArmTally): CanarySignal | undefined {
    const before = { canary: this.#canary, baseline: this.#baseline };
    this.#canary = copy(canary);
    this.#baseline = copy(baseline);
    this.errors.add(errorsSince(canary, before.canary), errorsSince(baseline, before.baseline));
    this.latency.add(slowSince(canary, before.canary), slowSince(baseline, before.baseline));
    const { errorPoints, slowTimes } = this.#settings;
    if (this.#isWorse(this.errors) && rate(this.errors.canary) - rate(this.errors.baseline) >= errorPoints / 100)
      return 'errors';
    if (this.#isWorse(this.latency) && rate(this.latency.canary) >= slowTimes * rate(this.latency.baseline))
      return 'latency';
    return undefined;
  }

  #isWorse({ canary, pValue }: Evidence): boolean {
    const { alpha, minCalls, minBad } = this.#settings;
    return pValue <= alpha && canary.calls >= minCalls && canary.bad >= minBad;
  }
}

function copy({ calls, errors, slow, timed }: ArmTally): ArmTally {
  return { calls, errors, slow, timed };
}

function errorsSince(now: ArmTally, before: ArmTally): Counted {
  return { calls: now.calls - before.calls, bad: now.errors - before.errors };
}

function slowSince(now: ArmTally, before: ArmTally): Counted {
  return { calls: now.timed - before.timed, bad: now.slow - before.slow };
}

function rate({ calls, bad }: Counted): number {
  return calls === 0 ? 0 : bad / calls;
}
