import type { StickySessions } from '../affinity/sticky-sessions.js';
import type { ProbeSource } from '../balancing/policy.js';
import { runCall } from '../call/call.js';
import { closedError, type Run } from '../call/host.js';
import type { CallOptions } from '../call/options.js';
import { type CallStats, ServicePlan } from '../call/plan.js';
import type { DiscoveryStatus, Resolver } from '../discovery/resolver.js';
import { WarmFeed } from '../discovery/warm-feed.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Ejection } from '../health/ejection.js';
import type { CheckReport } from '../health/reported-checks.js';
import { checkExplained, checkRequest } from '../picking/check-request.js';
import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { Part, Router } from '../picking/router.js';
import type { View } from '../picking/view.js';
import type { ViewHost } from '../picking/view-host.js';
import type { ViewsHost } from '../picking/view-set.js';
import type { CircuitChange } from '../resilience/circuit-breaker.js';
import { Guard } from '../resilience/guard.js';
import type { Clock } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import { SafeEmitter } from '../runtime/emitter.js';
import type { FairleadError } from '../runtime/errors.js';
import { isFailure, Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { ticksToMs, toTick, UNTIMED } from '../runtime/ticks.js';
import { publishCall } from '../telemetry/channels.js';
import type { FlightRecorder } from '../telemetry/flight-recorder.js';
import { ServiceMeter } from '../telemetry/service-meter.js';
import { CallsInFlight } from './calls-in-flight.js';
import { SERVICE_EVENTS, type Service, type ServiceEvents } from './contract.js';
import { explainPick } from './explain.js';
import type { Explanation } from './explanation.js';
import { Members, type MembersHost } from './members.js';
import { type NextParts, needsLatency, recorderOf, wantsLatency } from './next-parts.js';
import { readServiceOptions, type ServiceOptions, type ServiceSettings } from './options.js';
import { inWordsOfCall, isUnlisted, noEndpointError, refusalOf, unreadyError, whenReady } from './readiness.js';
import { readCloseDeadline, type ServiceContext } from './service-context.js';
import { ServiceViews, sessionsOf } from './service-views.js';
import { createSticky, succession } from './sticky.js';
import { LiveSubset, type Subset, type SubsetOptions } from './subset.js';
import { Timeouts } from './timeouts.js';

/**
 * Composes the rooms into one service, and ends its calls. The way of a call to its endpoint is the
 * view's.
 */
export class LiveService implements Service, ViewHost, MembersHost, ViewsHost {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  sticky: StickySessions | undefined;
  probes: ProbeSource | undefined;
  options: ServiceSettings;
  /** The options as they were given. */
  given: ServiceOptions;
  resolver: Resolver;
  readonly plan: ServicePlan;
  guard: Guard | undefined;
  readonly meter: ServiceMeter;
  recorder: FlightRecorder | undefined;
  /** Why it takes no calls although it is not closed: the configuration has it no longer. */
  removed: string | undefined;
  readonly #members: Members;
  /** That of the members: at hand, as every call asks it. */
  readonly #ejection: Ejection;
  #feed: WarmFeed;
  readonly events: SafeEmitter<ServiceEvents> = new SafeEmitter(SERVICE_EVENTS);
  readonly #view: View;
  /** Its own first, then those of the subsets. */
  readonly views: ServiceViews;
  /** Made when somebody is to hear of its end. */
  #stop: AbortController | undefined;
  closed = false;
  /** Where no signal needs it, none is given it: a number passed on is a heap object. */
  #signalsNeedLatency: boolean;
  readonly #timeouts = new Timeouts(this);
  latestLatencyMs: number = Number.NaN;
  readonly #calls = new CallsInFlight();
  #closing: Promise<void> | undefined;

  constructor(context: ServiceContext, options: ServiceOptions | undefined) {
    this.name = context.name;
    this.clock = context.clock;
    this.random = context.random;
    this.meter = new ServiceMeter(context.clock);
    this.resolver = context.resolver;
    this.removed = context.removed;
    this.given = options ?? {};
    const read = readServiceOptions(`service '${this.name}'`, options);
    this.options = read;
    this.probes = read.probes;
    this.plan = new ServicePlan(read.resilience);
    this.guard = Guard.needed(read.resilience) ? new Guard(this, read.resilience) : undefined;
    context.resolver.check?.({ service: this.name, params: read.discovery });
    this.#signalsNeedLatency = needsLatency(read);
    this.views = new ServiceViews(this, context.registry, wantsLatency(read));
    this.views.admit(this.views.resolve(read.policy));
    this.#members = new Members(this, read, context.checks);
    this.#ejection = this.#members.ejection;
    this.sticky = createSticky(this, read.affinity, this.events);
    this.#view = this.views.open({ policy: read.policy });
    this.recorder = recorderOf(this, read.recorder, undefined);
    this.#feed = new WarmFeed(this.name, this);
    this.#feed.adopt(this.#members);
    this.#feed.follow(context.resolver, read.discovery);
  }

  /** Those this client uses that wait for no first check: what views and health are about. */
  get members(): readonly LiveEndpoint[] {
    return this.removed === undefined ? this.#members.usable : [];
  }

  get source(): string {
    return this.resolver.name;
  }

  get usedEndpoints(): readonly Endpoint[] {
    return this.#members.reached;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#members.all;
  }

  get rotation(): readonly Endpoint[] {
    return this.#view.rotation.ready;
  }

  get timed(): boolean {
    return this.views.timed;
  }

  get discovery(): DiscoveryStatus {
    return this.#feed.feed.status;
  }

  get callStats(): CallStats {
    return this.plan.stats;
  }

  get stopping(): AbortSignal {
    this.#stop ??= new AbortController();
    if (this.closed) this.#stop.abort();
    return this.#stop.signal;
  }

  get unlisted(): boolean {
    return this.removed !== undefined || isUnlisted(this.discovery);
  }

  byId(id: string): LiveEndpoint | undefined {
    return this.#members.byId(id);
  }

  acquire(request?: AcquireRequest): Lease {
    if (request !== undefined) checkRequest(request);
    return this.acquireFrom(this.#view, request);
  }

  acquireFrom(view: View, request: AcquireRequest | undefined): Lease {
    const lease = this.#tryAcquireFrom(view, request);
    if (lease === undefined) {
      this.plan.stats.refused++;
      throw this.guard?.refusal();
    }
    return lease;
  }

  tryAcquire(request: AcquireRequest, view: View = this.#view): Lease | undefined {
    try {
      return this.#tryAcquireFrom(view, request);
    } catch (thrown) {
      throw inWordsOfCall(this, thrown);
    }
  }

  #tryAcquireFrom(view: View, request: AcquireRequest | undefined): Lease | undefined {
    const source = this.views.sourceOf(view, request);
    const lease = this.guard === undefined ? source.acquire(request) : this.guard.tryAcquire(request, source);
    if (lease === undefined) return undefined;
    source.settle();
    if (request?.tried !== undefined) this.meter.granted(lease.endpoint as LiveEndpoint, request.tried, request.beside);
    return lease;
  }

  get flight(): FlightRecorder | undefined {
    return this.recorder;
  }

  explain(request?: AcquireRequest): Explanation {
    if (request !== undefined) checkExplained(request);
    return this.explainFrom(this.#view, request);
  }

  explainFrom(view: View, request: AcquireRequest | undefined): Explanation {
    return explainPick(this, view, request);
  }

  get router(): Router | undefined {
    return this.views.router;
  }

  /** For views: a call begins. Hot path. */
  began(): void {
    this.#calls.began();
  }

  call<T, F = never>(run: Run<T>, options?: CallOptions): Promise<T | F> {
    return runCall<T | F>(this, run, options);
  }

  /** For leases: a call ended. Hot path. */
  finish(lease: object, endpoint: LiveEndpoint, startTick: number, outcome: Outcome, hadMs?: number): Outcome {
    this.#calls.ended();
    let latencyMs = Number.NaN;
    let nowMs = Number.NaN;
    let counted = outcome;
    let micros = -1;
    if (startTick === UNTIMED) {
      if (outcome === Outcome.Timeout) counted = this.#timeouts.judge(endpoint, hadMs, latencyMs, this.clock.now());
      endpoint.end(counted);
    } else {
      nowMs = this.clock.now();
      const tick = toTick(nowMs);
      latencyMs = ticksToMs(startTick, tick);
      micros = (tick - startTick) | 0;
      if (outcome === Outcome.Timeout) counted = this.#timeouts.judge(endpoint, hadMs, latencyMs, nowMs);
      else if (outcome === Outcome.Success || outcome === Outcome.ApplicationError)
        this.#timeouts.answered(endpoint, startTick, tick);
      endpoint.endTimed(counted, startTick, nowMs, this.views.decayMs);
    }
    this.latestLatencyMs = latencyMs;
    this.views.observe(endpoint, counted, latencyMs, nowMs);
    if (endpoint.probe === lease) {
      this.#ejection.probed(endpoint, counted);
    } else {
      this.#ejection.record(endpoint, counted, this.#signalsNeedLatency ? latencyMs : Number.NaN);
    }
    if (this.meter.on) this.meter.record(endpoint, outcome, micros);
    if (startTick !== UNTIMED && this.recorder !== undefined) this.recorder.ended(endpoint, startTick, counted, micros);
    if (endpoint.withdrawn) this.#endedWithdrawn(endpoint, counted);
    publishCall(this.name, endpoint, outcome, latencyMs);
    return counted;
  }

  #endedWithdrawn(endpoint: LiveEndpoint, outcome: Outcome): void {
    this.#members.drained(endpoint);
    if (isFailure(outcome)) this.sticky?.abandon(endpoint);
  }

  /** For figures: calls are counted and timed from now on, or no longer. */
  measure(on: boolean): void {
    this.views.measureWhile(on);
    this.meter.turn(on && !this.closed);
  }

  get inner(): { readonly members: Members; readonly view: View } {
    return { members: this.#members, view: this.#view };
  }

  /** For `prepareChange`: everything at once; `settle` is to follow. */
  swap({ given, options, resolver, policy, sticky, feed }: NextParts): void {
    this.given = given;
    this.options = options;
    this.resolver = resolver;
    this.probes = options.probes;
    this.plan.reconfigure(options.resilience);
    if (this.guard !== undefined) this.guard.reconfigure(options.resilience);
    else if (Guard.needed(options.resilience)) this.guard = new Guard(this, options.resilience);
    this.#members.reconfigure(options);
    this.recorder = recorderOf(this, options.recorder, this.recorder);
    this.#signalsNeedLatency = needsLatency(options);
    const timed = wantsLatency(options);
    if (policy === undefined) this.views.want(timed);
    else policy.adopt(timed);
    if (sticky !== undefined) this.sticky = succession(this.sticky, sticky.next);
    if (sticky?.rules !== undefined) this.sticky?.reconfigure(sticky.rules);
    if (feed === undefined) return;
    this.#feed.close();
    this.#feed = feed;
  }

  /** What follows from a swap: rotations, and those who listen. */
  settle(): void {
    this.#feed.adopt(this.#members);
    this.#members.refresh();
    // Those that wait may have room by now, or nothing to wait for.
    this.guard?.roomMade();
  }

  /** For changes of the options: sessions by other ones. */
  createSticky(affinity: ServiceSettings['affinity']): StickySessions | undefined {
    return createSticky(this, affinity, this.events);
  }

  /** For views. */
  isShut(endpoint: LiveEndpoint): boolean {
    return this.guard?.isShut(endpoint) === true;
  }

  /** For views: this call decides about the return of an endpoint. */
  probe(endpoint: LiveEndpoint, lease: object): void {
    this.#ejection.beginProbe(endpoint, lease);
  }

  /** For the guard. */
  breaker(endpoint: Endpoint | undefined, change: CircuitChange): void {
    this.events.emit('breaker', { endpoint, ...change });
  }

  /** For `call`: what must be waited for before `acquire` by this key; undefined: nothing. */
  prepare(key: RoutingKey, part: Part | undefined, sessions = ''): Promise<void> | undefined {
    return this.sticky?.prepare(sessionsOf(sessions, part), key);
  }

  ready(signal?: AbortSignal, forCall = false): Promise<void> {
    return whenReady(this, signal, forCall);
  }

  reportRecovered(endpoint: Endpoint): void {
    this.#members.reportRecovered(endpoint);
  }

  reportProbe(endpoint: Endpoint, outcome: Outcome): void {
    if (!this.closed) this.#members.reportProbe(endpoint, outcome);
  }

  async unbind(key: RoutingKey): Promise<void> {
    await this.unbindIn('', key);
  }

  async unbindIn(sessions: string, key: RoutingKey): Promise<void> {
    await this.sticky?.unbind(sessions, key);
  }

  reportCheck(endpoint: Endpoint, report: CheckReport): void {
    this.#members.reportCheck(endpoint, report);
  }

  subset(options: SubsetOptions): Subset {
    if (this.closed) throw closedError(this.name);
    return new LiveSubset(this, options);
  }

  on<Name extends keyof ServiceEvents & string>(
    name: Name,
    listener: (...args: ServiceEvents[Name]) => void,
  ): () => void {
    return this.events.on(name, listener);
  }

  explainUnready(): FairleadError {
    return refusalOf(this) ?? unreadyError(this, this.options.waitForReadyMs);
  }

  explainEmpty(usable: boolean): FairleadError {
    return refusalOf(this) ?? noEndpointError(this, usable);
  }

  close(options?: { readonly deadlineMs?: number }): Promise<void> {
    const deadlineMs = readCloseDeadline(options);
    this.#closing ??= this.#drain(deadlineMs);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #drain(deadlineMs: number): Promise<void> {
    const endMs = this.clock.now() + deadlineMs;
    this.closed = true;
    this.#feed.close();
    this.#stop?.abort();
    this.views.close();
    this.guard?.line.end();
    await this.plan.end(this.clock, this.#calls, deadlineMs);
    this.#members.close();
    this.meter.turn(false);
    if (this.sticky !== undefined) await this.sticky.flush(endMs - this.clock.now());
    this.sticky?.clear();
    this.events.clear();
  }

  /** For views: rotations are new, or one that waited for its pickers is in use. */
  built(): void {
    // Where no endpoint may be picked, waiting calls go on waiting: other endpoints may come.
    if (this.rotation.length > 0) this.guard?.roomMade();
    this.events.emit('rotation');
  }
}
