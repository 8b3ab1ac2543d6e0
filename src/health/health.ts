import type { Endpoint } from '../endpoint/endpoint.js';
import type { Clock } from '../runtime/clock.js';
import { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { isSame } from '../runtime/same.js';
import type { EjectionTimes } from './ejection-times.js';

/**
 * Contract: a health signal judges outcomes and says for how long an endpoint should be out.
 * Whether it really goes is decided by the core, which caps the share of ejected endpoints. Several
 * signals may watch one service; the longest ejection wins.
 */
export interface HealthSignal {
  /** The name in events and metrics, snake_case. */
  readonly name: string;
  /**
   * Whether `record` needs latencies, which costs a reading of the clock per call. Default
   * false.
   */
  readonly needsLatency?: boolean;
  /**
   * The share of its verdicts that are carried out, drawn at random; the others are only reported
   * as events. For trying a signal out. Default 1; 0 to 1.
   */
  readonly enforcementRatio?: number;
  /**
   * What it was made with. Where the options of a service change while it runs, a signal of the
   * same name made with the same keeps its counts. Default: only this very object does.
   */
  readonly madeWith?: object;
  /** Called once per service, and again where its options change while it runs. */
  create(context: HealthContext): HealthTracker;
}

/**
 * What a verdict rests on. `unreachable`: most of the failures behind it had no answer (no
 * connection, no reply in time). `answers`: failing or slow answers, which may be the fault of what
 * was asked.
 */
export type Grounds = 'answers' | 'unreachable';

/** The numbers that led to a verdict, by name, for people to read. */
export type Evidence = Readonly<Record<string, number>>;

export interface HealthContext {
  readonly clock: Clock;
  readonly random: Random;
  /** The members of the service as of now, draining ones excluded. */
  members(): readonly Endpoint[];
  /**
   * How long the next ejection of this endpoint should last, milliseconds: longer with each one
   * behind it, whichever signal asked for it, and shorter again with time in service.
   */
  nextEjectionMs(endpoint: Endpoint, times: EjectionTimes): number;
  /**
   * For signals that judge on an interval: asks for an ejection outside `record`. Subject to the
   * same cap, and to `HealthTracker.confirmed` like one asked for by `record`. `grounds`: default
   * `answers`.
   */
  eject(endpoint: Endpoint, forMs: number, evidence?: Evidence, grounds?: Grounds): void;
}

/** Whether one may take the other's place and keep its counts. */
export function isSameSignal(a: HealthSignal, b: HealthSignal): boolean {
  return a === b || (a.name === b.name && a.madeWith !== undefined && isSame(a.madeWith, b.madeWith));
}

export function groundsOf(outcome: Outcome): Grounds {
  return outcome === Outcome.ConnectFailure || outcome === Outcome.Timeout ? 'unreachable' : 'answers';
}

/** What it throws is reported as an `error` of the service and counts as no verdict. */
export interface HealthTracker {
  /**
   * Called once per finished call, on the hot path: O(1), no allocation but on a verdict.
   * `latencyMs` is NaN where latency is not measured. Returns the milliseconds to eject the
   * endpoint for, 0 to keep it.
   */
  record(endpoint: Endpoint, outcome: Outcome, latencyMs: number): number;
  /** The numbers behind the verdict that `record` has just given, for the event. */
  explain?(endpoint: Endpoint): Evidence;
  /**
   * What the verdict rests on that `record` has just given. Default: by the outcome of that call.
   */
  grounds?(endpoint: Endpoint): Grounds;
  /**
   * The call that decides about a returning endpoint ended. Called instead of `record`, on every
   * tracker. What the one that asked for the ejection returns counts: the milliseconds of the next
   * ejection, 0 to let the endpoint return. Outcomes that say nothing (cancelled) are not reported.
   */
  probed(endpoint: Endpoint, ok: boolean): number;
  /**
   * What was counted against the endpoint is settled: an ejection began, whatever asked for it, or
   * this signal's verdict was dropped by its `enforcementRatio`. A verdict that the cap refused
   * stays counted.
   */
  confirmed(endpoint: Endpoint): void;
  /** The endpoint is gone for good. */
  forget(endpoint: Endpoint): void;
  /** Stops timers. */
  close?(): void;
}
