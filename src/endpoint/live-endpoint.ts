import { SMALL_RATIO } from '../runtime/decay.js';
import { Outcome } from '../runtime/outcome.js';
import { ticksToMs, toTick } from '../runtime/ticks.js';
import type { CallMeter } from './call-meter.js';
import type { Endpoint, EndpointSpec, EndpointState } from './endpoint.js';

/**
 * What outcomes made of an endpoint: in rotation, out for a while, or waiting for the call that
 * decides.
 */
export type Standing = 'in' | 'ejected' | 'probing';

/** Timeouts of an endpoint since it last answered. */
export interface Unanswered {
  /** How long each of these calls had, oldest first; milliseconds. */
  readonly hadMs: number[];
  /** The part of a failure that they amount to and that was not counted yet, below 1. */
  part: number;
}

/**
 * The endpoint as the core sees it: the same object for as long as the instance exists, mutated in
 * place. Everybody else gets it as the read-only `Endpoint`.
 */
export class LiveEndpoint implements Endpoint {
  // What every call touches comes first: V8 lays fields out in this order, and of thousands of
  // endpoints the memory read per call decides what a pick costs.
  state: EndpointState = 'ready';
  /** No new calls, whatever else is known: gone from discovery, or listed there as not healthy. */
  withdrawn = false;
  inflight = 0;
  calls = 0;
  /** The lease that is probing it, while its standing is `probing` and that call is in progress. */
  probe: object | undefined = undefined;
  weight: number;
  /**
   * How many of the calls in progress are timed: all, but for those begun before the service
   * measured latency.
   */
  #timed = 0;
  /**
   * Sum of the start times of the timed calls in progress, so that their mean age costs no list of
   * them.
   */
  #startSumMs = 0;
  latencyMs: number = Number.NaN;
  latencyAtMs: number = Number.NaN;
  failureRatio = 0;
  ordinal: number;
  spec: EndpointSpec;
  failures = 0;
  /** How many ejections it has behind it, for display. */
  ejections = 0;
  /** What its calls came to since figures are read; undefined before its first such call. */
  meter: CallMeter | undefined = undefined;
  /** The failing check that spoke last, for display. */
  failing: { readonly check: string; readonly reason: Error | undefined } | undefined = undefined;
  /** Share of its weight that slow start lets it have by now, above 0 to 1. */
  warmth = 1;
  /** Share of it that lies within this client's aperture, above 0 to 1. */
  arcShare = 1;
  /** Active checks that must have passed before it is used and have not said anything yet. */
  uncheckedBy = 0;
  /** Undefined where it answered since, which is nearly always. */
  unanswered: Unanswered | undefined = undefined;
  #standing: Standing = 'in';
  #gone = false;
  /** Active checks that say no, or have yet to say yes. */
  #failingChecks = 0;

  constructor(spec: EndpointSpec, ordinal = 0) {
    this.ordinal = ordinal;
    this.spec = spec;
    this.weight = spec.weight;
    this.#updateState();
  }

  get standing(): Standing {
    return this.#standing;
  }

  /** Nothing speaks against it but that discovery withdrew it, if it did. */
  get wasWell(): boolean {
    return this.#standing === 'in' && this.#failingChecks === 0;
  }

  /** Discovery says something else of the same instance. */
  respecify(spec: EndpointSpec): void {
    this.spec = spec;
    this.updateWeight();
    this.#updateState();
  }

  /**
   * What `state` shows is the gravest of three things: gone from discovery, failing a check, out
   * because of outcomes.
   */
  setStanding(standing: Standing): void {
    this.#standing = standing;
    this.#updateState();
  }

  depart(): void {
    this.#gone = true;
    this.#updateState();
  }

  revive(): void {
    this.#gone = false;
    this.#updateState();
  }

  /** One active check more, or one less, says that it is not well. */
  countFailingChecks(change: 1 | -1): void {
    this.#failingChecks += change;
    this.#updateState();
  }

  #updateState(): void {
    const unhealthy = this.spec.healthy === false;
    this.withdrawn = this.#gone || unhealthy;
    if (this.#gone) this.state = 'draining';
    else if (unhealthy || this.#failingChecks > 0) this.state = 'unhealthy';
    else this.state = this.#standing === 'in' ? 'ready' : this.#standing;
  }

  /** The weight in use follows from what discovery reported, slow start and the aperture. */
  updateWeight(): void {
    this.weight = this.spec.weight * this.warmth * this.arcShare;
  }

  inflightAgeMs(nowMs: number): number {
    return nowMs * this.#timed - this.#startSumMs;
  }

  /** A call begins whose latency is not measured. */
  begin(): void {
    this.inflight++;
    this.calls++;
  }

  /** A call begins whose latency is measured. */
  beginTimed(nowMs: number): void {
    this.inflight++;
    this.calls++;
    this.#timed++;
    this.#startSumMs += nowMs;
  }

  /** A call that was begun by `begin` ends. */
  end(outcome: Outcome): void {
    this.inflight--;
    this.#count(outcome);
  }

  /**
   * A call that was begun by `beginTimed` ends. Updates the peak EWMA: a sample above the estimate
   * replaces it at once, one below pulls it down with weight 1 - e^(-Δt/decay). From Finagle's
   * PeakEwma; the unevenly spaced average is Eckner's ("Algorithms for Unevenly Spaced Time
   * Series", 2012).
   */
  endTimed(outcome: Outcome, startTick: number, nowMs: number, decayMs: number): void {
    // Worked out here and by the caller: as an argument it would be a heap object.
    const latencyMs = ticksToMs(startTick, toTick(nowMs));
    this.inflight--;
    this.#timed--;
    // Re-anchored whenever idle, so that rounding errors cannot add up.
    this.#startSumMs = this.#timed === 0 ? 0 : this.#startSumMs - (nowMs - latencyMs);
    this.#count(outcome);
    const ratio = (nowMs - this.latencyAtMs) / decayMs;
    // `decayed`, written out; before the first sample there is nothing to keep.
    let keep = ratio < SMALL_RATIO ? 1 - ratio * (1 - ratio * (0.5 - ratio / 6)) : Math.exp(-ratio);
    if (!(keep >= 0)) keep = 0;
    if (outcome === Outcome.Cancelled) {
      // All it says is that an answer takes longer than this: news where that is above the
      // estimate. Without it, a slow endpoint whose calls are all hedged away or given up by their
      // callers would never be known as slow.
      if (latencyMs > this.latencyMs * keep) {
        this.latencyMs = latencyMs;
        this.latencyAtMs = nowMs;
      } else if (Number.isNaN(this.latencyAtMs)) {
        // Tried, yet unknown: how soon a caller gave up is not an estimate to begin with.
        this.latencyAtMs = nowMs;
      }
      return;
    }
    const refused = outcome !== Outcome.Success && outcome !== Outcome.ApplicationError;
    this.failureRatio += Math.max(1 - keep, MIN_FAILURE_WEIGHT) * ((refused ? 1 : 0) - this.failureRatio);
    this.latencyAtMs = nowMs;
    // How fast a failure came says nothing about how fast an answer would have come: the estimate
    // stands as it was, and does not decay over failures, or a server that only fails would look
    // faster and faster. A timeout does count.
    if (refused && outcome !== Outcome.Timeout) return;
    const estimate = this.latencyMs;
    this.latencyMs = estimate >= latencyMs ? estimate * keep + latencyMs * (1 - keep) : latencyMs;
  }

  #count(outcome: Outcome): void {
    if (outcome === Outcome.Failure || outcome === Outcome.ConnectFailure || outcome === Outcome.Timeout)
      this.failures++;
  }
}

/**
 * A call weighs at least this much in the failure ratio. By time alone, a busy endpoint that begins
 * to fail fast would collect thousands of calls before its ratio shows it: at 100 calls a second
 * one call weighs a thousandth. With an eighth, eight failures bring it to 0.66, and one among good
 * answers is forgotten after some sixteen of them.
 */
const MIN_FAILURE_WEIGHT = 1 / 8;
