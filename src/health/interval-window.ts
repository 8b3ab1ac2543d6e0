import type { Endpoint } from '../endpoint/endpoint.js';
import type { Clock, Timer } from '../runtime/clock.js';
import { isAnswer, isFailure, Outcome } from '../runtime/outcome.js';
import type { Grounds } from './health.js';

/** What one endpoint did within an interval. */
export interface Tally {
  readonly endpoint: Endpoint;
  /** Calls that it answered, errors of the application included. */
  answers: number;
  failures: number;
  /** Of these, those without an answer: no connection, no reply in time. */
  unanswered: number;
  /** Response times of answers and timeouts. */
  latencySumMs: number;
  latencies: number;
}

/**
 * Counts outcomes per endpoint and has them judged at the end of each interval, then begins again,
 * as the timer of gRFC A50 does. So what was counted is never older than one interval. The timer
 * runs only while calls come: an interval without any is the last.
 */
export class IntervalWindow {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #judge: (tallies: readonly Tally[]) => void;
  readonly #tallies = new Map<Endpoint, Tally>();
  #timer: Timer | undefined;

  constructor(clock: Clock, intervalMs: number, judge: (tallies: readonly Tally[]) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#judge = judge;
  }

  record(endpoint: Endpoint, outcome: Outcome, latencyMs: number): void {
    if (outcome === Outcome.Cancelled) return;
    let tally = this.#tallies.get(endpoint);
    if (tally === undefined) {
      tally = { endpoint, answers: 0, failures: 0, unanswered: 0, latencySumMs: 0, latencies: 0 };
      this.#tallies.set(endpoint, tally);
    }
    this.#timer ??= this.#clock.after(this.#intervalMs, () => this.#end());
    if (isAnswer(outcome)) tally.answers++;
    else if (isFailure(outcome)) tally.failures++;
    if (outcome === Outcome.ConnectFailure || outcome === Outcome.Timeout) tally.unanswered++;
    // How fast a failure came says nothing about how fast an answer would have come.
    const measured = latencyMs >= 0 && outcome !== Outcome.Failure && outcome !== Outcome.ConnectFailure;
    if (measured) {
      tally.latencySumMs += latencyMs;
      tally.latencies++;
    }
  }

  forget(endpoint: Endpoint): void {
    this.#tallies.delete(endpoint);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#tallies.clear();
  }

  #end(): void {
    this.#timer = undefined;
    // An ejection forgets its tally, so they are taken out before they are judged.
    const tallies = [...this.#tallies.values()];
    this.#tallies.clear();
    // An endpoint that is out already is judged by its probe.
    this.#judge(tallies.filter(({ endpoint }) => endpoint.state === 'ready'));
  }
}

/** What a verdict about the failures of a tally rests on. */
export function groundsOfTally({ unanswered, failures }: Pick<Tally, 'unanswered' | 'failures'>): Grounds {
  return 2 * unanswered > failures ? 'unreachable' : 'answers';
}

/**
 * The mean and the standard deviation of the whole population, as Envoy and gRFC A50 compute it.
 */
export function spread(values: readonly number[]): { readonly mean: number; readonly stdev: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, stdev: Math.sqrt(variance) };
}
