import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';
import { toError } from '../runtime/errors.js';
import { isAnswer, isFailure, type Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { ByHand } from './by-hand.js';
import { type EjectionRatios, mayGo } from './ejection-caps.js';
import type { EjectionEvent, EjectionTerm } from './ejection-event.js';
import { EjectionHistory, type EjectionTimes } from './ejection-times.js';
import { type Evidence, type Grounds, groundsOf, type HealthSignal, isSameSignal } from './health.js';
import { KeptIn } from './kept-in.js';
import type { Term, Watch } from './running-term.js';
import { SignalContext, type Verdicts } from './signal-context.js';

export interface EjectionHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly members: readonly LiveEndpoint[];
  /** The state of an endpoint changed: recompute the rotation. */
  changed(): void;
  ejected(event: EjectionEvent): void;
  returned(endpoint: LiveEndpoint): void;
  /** A signal threw. */
  failed(error: Error): void;
}

/**
 * A call that probes an endpoint and has not ended after this long (a stream, say) no longer
 * decides: the next call is the probe.
 */
const PROBE_PATIENCE_MS = 30_000;

/** One that is out is asked at most so often while none of those left serves. */
const ASK_AGAIN_MS = 1_000;

const NO_TERMS: ReadonlyMap<LiveEndpoint, Term> = new Map();

/** The base by which past ejections of a signal without `EjectionTimes` are forgotten: Envoy's. */
const DEFAULT_BASE_MS = 30_000;

/**
 * Carries out what the health signals ask for: caps the share of ejected endpoints, times the
 * ejections, and lets an endpoint return through one probing call.
 *
 * ## Trip Conditions
 *
 * A signal asks for the ejection of an endpoint that is in use, its `enforcementRatio` lets it
 * pass, and the caps leave room. One endpoint may always go, or services of two or three had no
 * protection.
 *
 * There are two caps. A server that cannot be reached is of no use to any client. One that answers
 * with failures may be asked for something that fails everywhere: a request of one client that
 * makes every server answer 500 would take them out one by one. So few may go for their answers,
 * and where both caps are used up one of these returns for one that cannot be reached.
 *
 * ## Recovery Conditions
 *
 * Once its time is over the endpoint takes one call as a probe. An answer returns it. After a
 * failure the signal that ejected it decides whether it stays out, and for how long. A probe that
 * is cancelled, or does not end within 30 s, says nothing: the next call is the probe.
 *
 * Where all that are left should go and the caps keep them, one that is out is asked before its
 * time, each once a second at most: it may be back, and those left are known to fail. Failing then
 * costs it nothing: it stays out for as long as it would have. One that is out by hand waits for
 * the end of that.
 */
export class Ejection implements Verdicts {
  readonly #host: EjectionHost;
  #ratios: EjectionRatios;
  #watches: readonly Watch[];
  /** Undefined until one is ejected, as are the others: most services never need them. */
  #history: EjectionHistory | undefined;
  #terms: Map<LiveEndpoint, Term> | undefined;
  /**
   * Endpoints that left discovery while they were out: should they return, a probing call decides.
   */
  #leftWhileOut: WeakMap<LiveEndpoint, Term> | undefined;
  #kept: KeptIn | undefined;
  /** The base that the verdict now being given was computed with. */
  #baseMs = DEFAULT_BASE_MS;

  constructor(host: EjectionHost, signals: readonly HealthSignal[], ratios: EjectionRatios) {
    this.#host = host;
    this.#ratios = ratios;
    this.#watches = signals.map((signal) => this.#watch(signal));
  }

  /**
   * Other signals and caps from now on. A signal that stays keeps its counts; ejections that go on
   * keep their time, and their signal's namesake decides about the next.
   */
  reconfigure(signals: readonly HealthSignal[], ratios: EjectionRatios): void {
    this.#ratios = ratios;
    const before = this.#watches;
    this.#watches = signals.map(
      (signal) => before.find((watch) => isSameSignal(watch.signal, signal)) ?? this.#watch(signal),
    );
    for (const watch of before) {
      if (this.#watches.includes(watch)) continue;
      this.#safely(() => watch.tracker.close?.());
      const next = this.#watches.find(({ signal }) => signal.name === watch.signal.name);
      if (next === undefined) continue;
      for (const term of this.#running.values()) if (term.watch === watch) term.watch = next;
    }
  }

  #watch(signal: HealthSignal): Watch {
    return new SignalContext(signal, this.#host, this);
  }

  get #running(): ReadonlyMap<LiveEndpoint, Term> {
    return this.#terms ?? NO_TERMS;
  }

  get #past(): EjectionHistory {
    this.#history ??= new EjectionHistory(this.#host.clock, this.#host.random);
    return this.#history;
  }

  /** How many endpoints are out, the probing ones included. */
  get out(): number {
    return this.#running.size;
  }

  /** Undefined where it is not out. */
  termOf(endpoint: LiveEndpoint): EjectionTerm | undefined {
    const term = this.#running.get(endpoint);
    if (term === undefined) return undefined;
    const { watch, grounds, sinceMs, untilMs } = term;
    return { signal: watch.signal.name, grounds, sinceMs, untilMs };
  }

  /** A call that was not a probe ended. Hot path. */
  record(endpoint: LiveEndpoint, outcome: Outcome, latencyMs: number): void {
    let longestMs = 0;
    let by: Watch | undefined;
    for (let i = 0; i < this.#watches.length; i++) {
      const watch = this.#watches[i]!;
      try {
        const forMs = watch.tracker.record(endpoint, outcome, latencyMs);
        if (forMs > longestMs) {
          longestMs = forMs;
          by = watch;
        }
      } catch (thrown) {
        this.#host.failed(toError(thrown));
      }
    }
    if (by === undefined) return;
    const grounds = this.#safely(() => by.tracker.grounds?.(endpoint)) ?? groundsOf(outcome);
    this.request(endpoint, longestMs, by, grounds, undefined);
  }

  /** This call decides about the return of the endpoint. */
  beginProbe(endpoint: LiveEndpoint, lease: object): void {
    const term = this.#running.get(endpoint);
    if (term === undefined) return;
    endpoint.probe = lease;
    term.timer?.cancel();
    term.timer = this.#host.clock.after(PROBE_PATIENCE_MS, () => {
      endpoint.probe = undefined;
      this.#host.changed();
    });
  }

  /** The call that decides about the return of an endpoint ended. */
  probed(endpoint: LiveEndpoint, outcome: Outcome): void {
    endpoint.probe = undefined;
    const term = this.#running.get(endpoint);
    if (term === undefined || endpoint.standing !== 'probing') return;
    term.timer?.cancel();
    const ok = isAnswer(outcome);
    if (!ok && !isFailure(outcome)) {
      // It said nothing (cancelled): the next call is the probe.
      this.#host.changed();
      return;
    }
    const early = term.early && term.untilMs > this.#host.clock.now();
    // Time spent waiting for the probe was no time in service.
    if (ok || !early) this.#history?.end(endpoint);
    let againMs = 0;
    for (const watch of this.#watches) {
      const forMs = this.#safely(() => watch.tracker.probed(endpoint, ok)) ?? 0;
      if (watch === term.watch) againMs = forMs;
    }
    this.#drop(endpoint);
    const grounds = groundsOf(outcome);
    // One that could not be reached and answers now counts among those that are out for that.
    if (!ok && againMs > 0 && (early || grounds === 'unreachable' || this.#mayGo(grounds))) {
      if (early) this.#stayOut(endpoint, term);
      else this.#carryOut(endpoint, againMs, term.watch, grounds, { probes: 1 });
      return;
    }
    this.#host.returned(endpoint);
    this.#host.changed();
  }

  /** It was asked before its time, and failed: it is out as if it had not been asked. */
  #stayOut(endpoint: LiveEndpoint, term: Term): void {
    const nowMs = this.#host.clock.now();
    const timer = this.#host.clock.after(term.untilMs - nowMs, () => this.#beginProbing(endpoint));
    this.#hold(endpoint, { ...term, askedMs: nowMs, early: false, timer }, 'ejected');
    this.#host.changed();
  }

  /** It is known to be well: that ends no ejection by hand, whose time an operator said. */
  recovered(endpoint: LiveEndpoint): void {
    if (this.#running.get(endpoint)?.firm !== true || endpoint.standing === 'probing') this.release(endpoint);
  }

  /** Ends an ejection early, without a probe. */
  release(endpoint: LiveEndpoint): void {
    if (!this.#end(endpoint)) return;
    this.#history?.end(endpoint);
    this.#host.returned(endpoint);
    this.#host.changed();
  }

  /**
   * Only these are used from now on. An ejection of any other ends: no call would probe it, and it
   * would count among those that are out.
   */
  confine(members: readonly LiveEndpoint[]): void {
    if (this.#running.size === 0) return;
    const used = new Set(members);
    for (const endpoint of this.#running.keys()) {
      // One that is listed as unhealthy may be used again when it is well: its ejection goes on.
      if (!used.has(endpoint) && !endpoint.withdrawn) this.#end(endpoint);
    }
  }

  /** The endpoint left discovery. What is known of it stays known until `forget`. */
  depart(endpoint: LiveEndpoint): void {
    this.#kept?.delete(endpoint);
    const term = this.#running.get(endpoint);
    if (term === undefined) return;
    this.#end(endpoint);
    this.#leftWhileOut ??= new WeakMap();
    this.#leftWhileOut.set(endpoint, term);
  }

  /**
   * It is listed (again). Its absence ended an ejection, but did not show that it is well: a
   * probing call does.
   */
  arrive(endpoint: LiveEndpoint): void {
    const term = this.#leftWhileOut?.get(endpoint);
    if (term === undefined) return;
    this.#leftWhileOut?.delete(endpoint);
    this.#hold(endpoint, { ...term, early: false, timer: undefined }, 'probing');
  }

  /** The endpoint left the membership for good. */
  forget(endpoint: LiveEndpoint): void {
    this.#end(endpoint);
    this.#kept?.delete(endpoint);
    this.#leftWhileOut?.delete(endpoint);
    this.#history?.forget(endpoint);
    for (const { tracker } of this.#watches) this.#safely(() => tracker.forget(endpoint));
  }

  close(): void {
    for (const { timer } of this.#running.values()) timer?.cancel();
    this.#terms?.clear();
    this.#kept?.clear();
    for (const { tracker } of this.#watches) this.#safely(() => tracker.close?.());
    // A lease that ends later ejects none.
    this.#watches = [];
  }

  #end(endpoint: LiveEndpoint): boolean {
    const term = this.#running.get(endpoint);
    if (term === undefined) return false;
    term.timer?.cancel();
    endpoint.probe = undefined;
    this.#drop(endpoint);
    return true;
  }

  #hold(endpoint: LiveEndpoint, term: Term, standing: 'ejected' | 'probing'): void {
    this.#terms ??= new Map();
    this.#terms.set(endpoint, term);
    endpoint.setStanding(standing);
  }

  #drop(endpoint: LiveEndpoint): void {
    this.#terms?.delete(endpoint);
    endpoint.setStanding('in');
  }

  /** For signals, as is `request`. */
  nextMs(endpoint: Endpoint, times: EjectionTimes): number {
    this.#baseMs = times.baseEjectionMs;
    return this.#past.nextMs(endpoint, times);
  }

  request(endpoint: LiveEndpoint, forMs: number, watch: Watch, grounds: Grounds, told: Evidence | undefined): void {
    if (endpoint.state !== 'ready' || !(forMs > 0)) return;
    const evidence = told ?? this.#safely(() => watch.tracker.explain?.(endpoint)) ?? {};
    const { enforcementRatio = 1, name } = watch.signal;
    const refuse = (refusedBy: EjectionEvent['refusedBy']): void =>
      this.#host.ejected({ endpoint, signal: name, forMs, evidence, grounds, enforced: false, refusedBy });
    if (enforcementRatio < 1 && this.#host.random.float() >= enforcementRatio) {
      this.#safely(() => watch.tracker.confirmed(endpoint));
      refuse('enforcement');
    } else if (this.#mayGo(grounds) || (grounds === 'unreachable' && this.#makeRoom())) {
      this.#carryOut(endpoint, forMs, watch, grounds, evidence, watch.signal instanceof ByHand);
    } else {
      this.#kept ??= new KeptIn(this.#host.clock);
      this.#kept.add(endpoint);
      this.#askLongestOut(grounds);
      if (this.#kept.mayComplain(endpoint)) refuse('cap');
    }
  }

  #mayGo(grounds: Grounds): boolean {
    return mayGo(grounds, this.#running, this.#host.members.length, this.#ratios);
  }

  /**
   * None of those left serves, and all have to stay: another may be back by now. One that is out
   * for the same, since one that hangs would hold up a call that others refuse at once. Not one
   * that an operator took out, who has not said that it is back.
   */
  #askLongestOut(kept: Grounds): void {
    if (this.#kept?.areAll(this.#host.members) !== true) return;
    const beforeMs = this.#host.clock.now() - ASK_AGAIN_MS;
    for (const [endpoint, term] of this.#running) {
      const { askedMs, timer, grounds, firm } = term;
      if (firm || timer === undefined || grounds !== kept || endpoint.withdrawn || askedMs > beforeMs) continue;
      timer.cancel();
      term.early = true;
      this.#beginProbing(endpoint);
      return;
    }
  }

  /** Lets the one that has been out longest for its answers return. False where there is none. */
  #makeRoom(): boolean {
    for (const [endpoint, { grounds }] of this.#running) {
      if (grounds !== 'answers' || endpoint.withdrawn) continue;
      this.release(endpoint);
      return true;
    }
    return false;
  }

  #carryOut(
    endpoint: LiveEndpoint,
    forMs: number,
    watch: Watch,
    grounds: Grounds,
    evidence: Evidence,
    firm = false,
  ): void {
    endpoint.ejections++;
    this.#past.begin(endpoint, forMs, this.#baseMs);
    const timer = this.#host.clock.after(forMs, () => this.#beginProbing(endpoint));
    const sinceMs = this.#host.clock.now();
    this.#kept?.delete(endpoint);
    this.#hold(
      endpoint,
      { watch, grounds, sinceMs, untilMs: sinceMs + forMs, firm, askedMs: sinceMs, early: false, timer },
      'ejected',
    );
    for (const { tracker } of this.#watches) this.#safely(() => tracker.confirmed(endpoint));
    this.#host.ejected({
      endpoint,
      signal: watch.signal.name,
      forMs,
      evidence,
      grounds,
      enforced: true,
      refusedBy: undefined,
    });
    this.#host.changed();
  }

  #beginProbing(endpoint: LiveEndpoint): void {
    const term = this.#running.get(endpoint);
    if (term === undefined) return;
    term.timer = undefined;
    endpoint.probe = undefined;
    endpoint.setStanding('probing');
    this.#host.changed();
  }

  #safely<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (thrown) {
      this.#host.failed(toError(thrown));
      return undefined;
    }
  }
}
