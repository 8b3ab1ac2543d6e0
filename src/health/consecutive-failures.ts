import type { Endpoint } from '../endpoint/endpoint.js';
import { integer, number, readOptions } from '../runtime/options.js';
import { isFailure, Outcome } from '../runtime/outcome.js';
import type { HealthContext, HealthSignal, HealthTracker } from './health.js';

export interface ConsecutiveFailuresOptions {
  /** Failures in a row that eject an endpoint. Default 5 (Envoy's consecutive_5xx); 1 to 1,000,000. */
  readonly failures?: number;
  /** The first ejection lasts this long, the n-th n times as long; milliseconds. Default 30,000 (Envoy's base). */
  readonly baseEjectionMs?: number;
  /** No ejection lasts longer, jitter aside; milliseconds. Default 300,000 (Envoy's maximum). */
  readonly maxEjectionMs?: number;
  /**
   * Up to this share is added to each ejection at random, so that the clients of a restarted server do not return to it
   * in the same instant. Default 0.1; 0 to 1.
   */
  readonly jitterRatio?: number;
}

/**
 * Ejects an endpoint after so many failures in a row. Errors of the application are answers and end a row. Timeouts
 * count only where another endpoint answered since the row began: when nobody answers in time the deadline is at fault,
 * or something behind all of them, and ejecting would only make it worse.
 *
 * Ejections add up: the n-th lasts n times the base, and every base period in service takes one back, as in Envoy's
 * outlier detection.
 */
export function consecutiveFailures(options?: ConsecutiveFailuresOptions): HealthSignal {
  const read = readOptions<Required<ConsecutiveFailuresOptions>>('consecutive_failures', options, {
    failures: integer(5, 1, 1_000_000),
    baseEjectionMs: number(30_000, 1, 86_400_000),
    maxEjectionMs: number(300_000, 1, 86_400_000),
    jitterRatio: number(0.1, 0, 1),
  });
  return { name: 'consecutive_failures', create: (context) => new ConsecutiveFailures(read, context) };
}

/** What is known of an endpoint that failed lately. An endpoint that never fails has none. */
interface Row {
  failures: number;
  /** Of these, how many were timeouts. */
  timeouts: number;
  /** Answers of the whole service when the row began: more of them now, and others do answer. */
  answersBefore: number;
}

interface History {
  ejections: number;
  /** The clock's time at which the latest ejection was to end. */
  untilMs: number;
}

class ConsecutiveFailures implements HealthTracker {
  readonly #options: Required<ConsecutiveFailuresOptions>;
  readonly #context: HealthContext;
  readonly #rows = new Map<Endpoint, Row>();
  readonly #histories = new Map<Endpoint, History>();
  #answers = 0;

  constructor(options: Required<ConsecutiveFailuresOptions>, context: HealthContext) {
    this.#options = options;
    this.#context = context;
  }

  record(endpoint: Endpoint, outcome: Outcome): number {
    if (!isFailure(outcome)) {
      if (outcome === Outcome.Cancelled) return 0;
      this.#answers++;
      if (this.#rows.size > 0) this.#rows.delete(endpoint);
      return 0;
    }
    let row = this.#rows.get(endpoint);
    if (row === undefined) {
      row = { failures: 0, timeouts: 0, answersBefore: this.#answers };
      this.#rows.set(endpoint, row);
    }
    row.failures++;
    if (outcome === Outcome.Timeout) row.timeouts++;
    const othersAnswer = this.#answers > row.answersBefore;
    const counted = othersAnswer ? row.failures : row.failures - row.timeouts;
    return counted >= this.#options.failures ? this.#nextEjectionMs(endpoint) : 0;
  }

  probed(endpoint: Endpoint, ok: boolean): number {
    this.#rows.delete(endpoint);
    if (!ok) return this.#nextEjectionMs(endpoint);
    const history = this.#histories.get(endpoint);
    if (history !== undefined) history.untilMs = this.#context.clock.now();
    return 0;
  }

  confirmed(endpoint: Endpoint): void {
    this.#rows.delete(endpoint);
    const ejections = this.#countedEjections(endpoint) + 1;
    const untilMs = this.#context.clock.now() + this.#durationMs(ejections);
    this.#histories.set(endpoint, { ejections, untilMs });
  }

  forget(endpoint: Endpoint): void {
    this.#rows.delete(endpoint);
    this.#histories.delete(endpoint);
  }

  #nextEjectionMs(endpoint: Endpoint): number {
    const jitter = 1 + this.#context.random.float() * this.#options.jitterRatio;
    return this.#durationMs(this.#countedEjections(endpoint) + 1) * jitter;
  }

  #durationMs(ejections: number): number {
    return Math.min(this.#options.baseEjectionMs * ejections, this.#options.maxEjectionMs);
  }

  /** Past ejections that still count: one is forgotten for every base period in service. */
  #countedEjections(endpoint: Endpoint): number {
    const history = this.#histories.get(endpoint);
    if (history === undefined) return 0;
    const servedMs = Math.max(0, this.#context.clock.now() - history.untilMs);
    return Math.max(0, history.ejections - Math.floor(servedMs / this.#options.baseEjectionMs));
  }
}
