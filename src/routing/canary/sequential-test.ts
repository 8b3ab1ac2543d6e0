/**
 * How many times as bad a canary might be: the alternatives that the evidence is weighed for, each
 * with the same weight.
 */
const RISKS = [1.5, 2, 3, 5, 10, 30, 100] as const;

/** Calls of the two arms in one interval, and how many of them were bad. */
export interface Interval {
  readonly canaryCalls: number;
  readonly canaryBad: number;
  readonly baselineCalls: number;
  readonly baselineBad: number;
}

/**
 * Whether bad calls are the canary's more often than its share of all calls explains: a mixture
 * sequential probability ratio test (Robbins 1970; Johari, Koomen, Pekelis and Walsh, "Always Valid
 * Inference", Operations Research 70(3), 2022) over the share of bad calls that are the canary's.
 * It may be looked at as often as one likes: a canary that is no worse ever gets a p-value of at
 * most p with a probability of at most p, over all looks together.
 *
 * Each interval counts by the shares of its own calls, so that a share that is raised, or an
 * incident that hits both arms, is evidence of nothing.
 */
export class SequentialTest {
  /** The logarithm of the likelihood ratio for each alternative. */
  readonly #logs = new Float64Array(RISKS.length);
  #largestLog = 0;

  /** O(1). An interval in which an arm had no calls says nothing. */
  look({ canaryCalls, canaryBad, baselineCalls, baselineBad }: Interval): void {
    if (canaryCalls === 0 || baselineCalls === 0) return;
    const share = canaryCalls / (canaryCalls + baselineCalls);
    for (let i = 0; i < RISKS.length; i++) {
      const weighed = RISKS[i]! * canaryCalls;
      const expected = weighed / (weighed + baselineCalls);
      this.#logs[i]! += canaryBad * Math.log(expected / share) + baselineBad * Math.log((1 - expected) / (1 - share));
    }
    this.#largestLog = Math.max(this.#largestLog, this.#logOfMean());
  }

  /** The smallest p-value so far: 1 to 0. */
  get pValue(): number {
    return Math.exp(-this.#largestLog);
  }

  /** Of sums of exponentials, without leaving the range of numbers. */
  #logOfMean(): number {
    const top = Math.max(...this.#logs);
    let sum = 0;
    for (const each of this.#logs) sum += Math.exp(each - top);
    return top + Math.log(sum / RISKS.length);
  }
}
