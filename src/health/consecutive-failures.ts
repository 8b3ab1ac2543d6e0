import type { Endpoint } from '../endpoint/endpoint.js';
import { boolean, fields, integer, number, type Reader } from '../runtime/options.js';
import { isFailure, Outcome } from '../runtime/outcome.js';
import { type EjectionTimes, ejectionTimes } from './ejection-times.js';
import type { Evidence, Grounds, HealthContext, HealthSignal, HealthTracker } from './health.js';
import { direct } from './signal-context.js';

export interface ConsecutiveFailuresOptions extends Partial<EjectionTimes> {
  /**
   * Failures in a row that eject an endpoint. Default 5 (Envoy's consecutive_5xx); 1 to 1,000,000.
   */
  readonly failures?: number;
  /**
   * Whether connections that never came to be count too. Default true; false leaves them to
   * `connectFailures`.
   */
  readonly countConnectFailures?: boolean;
  /** The share of verdicts that is carried out. Default 1; 0 to 1. */
  readonly enforcementRatio?: number;
}

export const readConsecutiveFailures: Reader<Required<ConsecutiveFailuresOptions>> = fields<
  Required<ConsecutiveFailuresOptions>
>({
  failures: integer(5, 1, 1_000_000),
  countConnectFailures: boolean(true),
  enforcementRatio: number(1, 0, 1),
  ...ejectionTimes,
});

/**
 * Ejects an endpoint after this many failures in a row. Errors of the application are answers and
 * end a row. Timeouts count only where another endpoint answered since the row began: when none
 * answers in time the deadline is at fault, or something behind all of them, and ejecting would
 * only make it worse.
 */
export function consecutiveFailures(options?: ConsecutiveFailuresOptions): HealthSignal {
  const read = readConsecutiveFailures(options, 'consecutive_failures');
  const { enforcementRatio } = read;
  return {
    name: 'consecutive_failures',
    enforcementRatio,
    madeWith: read,
    create: direct((context) => new ConsecutiveFailures(read, context)),
  };
}

/** What is known of an endpoint that failed lately. An endpoint that never fails has none. */
interface Row {
  failures: number;
  /** Of these, how many were timeouts. */
  timeouts: number;
  /** And how many were connections that never came to be. */
  unconnected: number;
  /** Answers of the whole service when the row began: more of them now, and others do answer. */
  answersBefore: number;
}

class ConsecutiveFailures implements HealthTracker {
  readonly #options: Required<ConsecutiveFailuresOptions>;
  readonly #context: HealthContext;
  /** Made by the first failure, as is the other: of a service without one there is neither. */
  #rows: Map<Endpoint, Row> | undefined;
  /**
   * Rows long enough, but of timeouts while no endpoint answered; with the answers of the service
   * at that time.
   */
  #waiting: Map<Endpoint, number> | undefined;
  #answers = 0;

  constructor(options: Required<ConsecutiveFailuresOptions>, context: HealthContext) {
    this.#options = options;
    this.#context = context;
  }

  record(endpoint: Endpoint, outcome: Outcome): number {
    if (!isFailure(outcome)) {
      if (outcome === Outcome.Cancelled) return 0;
      this.#answers++;
      if (this.#rows !== undefined && this.#rows.size > 0) this.#forgetRow(endpoint);
      if (this.#waiting !== undefined && this.#waiting.size > 0) this.#convict(this.#waiting);
      return 0;
    }
    if (outcome === Outcome.ConnectFailure && !this.#options.countConnectFailures) return 0;
    this.#rows ??= new Map();
    let row = this.#rows.get(endpoint);
    if (row === undefined) {
      row = { failures: 0, timeouts: 0, unconnected: 0, answersBefore: this.#answers };
      this.#rows.set(endpoint, row);
    }
    row.failures++;
    if (outcome === Outcome.Timeout) row.timeouts++;
    else if (outcome === Outcome.ConnectFailure) row.unconnected++;
    const othersAnswer = this.#answers > row.answersBefore;
    // Calls begun together at a hung server expire together, before another could be seen to
    // answer.
    if (!othersAnswer && row.failures >= this.#options.failures) {
      this.#waiting ??= new Map();
      this.#waiting.set(endpoint, this.#answers);
    }
    const counted = othersAnswer ? row.failures : row.failures - row.timeouts;
    return counted >= this.#options.failures ? this.#context.nextEjectionMs(endpoint, this.#options) : 0;
  }

  explain(endpoint: Endpoint): Evidence {
    const row = this.#rows?.get(endpoint);
    return { failures: row?.failures ?? 0, timeouts: row?.timeouts ?? 0, threshold: this.#options.failures };
  }

  grounds(endpoint: Endpoint): Grounds {
    const row = this.#rows?.get(endpoint);
    return row !== undefined && 2 * (row.timeouts + row.unconnected) > row.failures ? 'unreachable' : 'answers';
  }

  probed(endpoint: Endpoint, ok: boolean): number {
    this.#forgetRow(endpoint);
    return ok ? 0 : this.#context.nextEjectionMs(endpoint, this.#options);
  }

  confirmed(endpoint: Endpoint): void {
    this.#forgetRow(endpoint);
  }

  forget(endpoint: Endpoint): void {
    this.#forgetRow(endpoint);
  }

  #forgetRow(endpoint: Endpoint): void {
    this.#rows?.delete(endpoint);
    this.#waiting?.delete(endpoint);
  }

  /**
   * Ejects those who have not answered once while the service answered `failures` times per member.
   * After an outage of all, each would have had its turn by then: the chance that one had none is
   * e^-failures, 0.7 % for five.
   */
  #convict(waiting: Map<Endpoint, number>): void {
    const enough = this.#options.failures * this.#context.members().length;
    for (const [endpoint, answers] of waiting) {
      if (this.#answers - answers < enough) continue;
      waiting.delete(endpoint);
      const forMs = this.#context.nextEjectionMs(endpoint, this.#options);
      this.#context.eject(endpoint, forMs, this.explain(endpoint), this.grounds(endpoint));
    }
  }
}
