/**
 * What policies do that one would not expect of them often: the draws that come to nothing, the
 * answers that come to no use. Read beside the calls of the service, they say whether a policy
 * chooses at all.
 */
export interface OddityCounts {
  /** Draws that were made anew: the second of two was the first (`least_request`, `peak_ewma`). */
  readonly drewSame: number;
  /** Draws that were made anew: the endpoint had been tried by this call before. */
  readonly drewTried: number;
  /** Draws that were given up, and the list looked through instead. */
  readonly searched: number;
  /** Of policies that ask servers (`prequal`); null of the others. */
  readonly probing: ProbingCounts | null;
}

export interface ProbingCounts {
  /** Probes sent. */
  readonly probes: number;
  /** Answers that came, of endpoints that were still in the rotation. */
  readonly answers: number;
  /** Answers that grew older than `maxAgeMs` before they were used up. */
  readonly stale: number;
  /** Picks without an answer to go by: fewer than two there, or all of endpoints tried before. */
  readonly unanswered: number;
}

/** Places in `Oddities.counts`. */
export const Oddity = { same: 0, tried: 1, searched: 2, probes: 3, answers: 4, stale: 5, unanswered: 6 } as const;

/** Counts of one policy at one service, over all its pickers: they never fall. */
export class Oddities {
  /** By `Oddity`. A typed array of so few takes twice the memory. */
  readonly counts: number[] = [0, 0, 0, 0, 0, 0, 0];
  /** Set by a picker that sends probes. */
  probing = false;

  /** `oddity` is one of `Oddity`. */
  count(oddity: number, times = 1): void {
    this.counts[oddity] = this.counts[oddity]! + times;
  }

  read(): OddityCounts {
    const [drewSame, drewTried, searched, probes, answers, stale, unanswered] = this.counts;
    return {
      drewSame: drewSame!,
      drewTried: drewTried!,
      searched: searched!,
      probing: this.probing ? { probes: probes!, answers: answers!, stale: stale!, unanswered: unanswered! } : null,
    };
  }
}

const NONE: readonly never[] = [];

/** Those of one service by the name of the policy, made as a picker first asks. */
export class OddityBook {
  /** One or two: a map of one takes five times as much. */
  #byPolicy: readonly { readonly policy: string; readonly oddities: Oddities }[] = NONE;

  of(policy: string): Oddities {
    const known = this.#byPolicy.find((each) => each.policy === policy);
    if (known !== undefined) return known.oddities;
    const oddities = new Oddities();
    this.#byPolicy = this.#byPolicy.concat([{ policy, oddities }]);
    return oddities;
  }

  read(): Readonly<Record<string, OddityCounts>> {
    return Object.fromEntries(this.#byPolicy.map(({ policy, oddities }) => [policy, oddities.read()]));
  }
}
