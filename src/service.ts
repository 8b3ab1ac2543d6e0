import type { AffinityEvent } from './affinity/affinity.js';
import { memoryStore } from './affinity/memory-store.js';
import { SharedSessions } from './affinity/shared-sessions.js';
import type { Policy, ProbeSource, RoutingKey } from './balancing/policy.js';
import type { PolicyRegistry, PolicySpec } from './balancing/registry.js';
import { runCall } from './call.js';
import { type CallOptions, type CallStats, ServicePlan } from './call-plan.js';
import type { Resolver } from './discovery/resolver.js';
import { Checks } from './endpoint/checks.js';
import { Ejection } from './endpoint/ejection.js';
import type { Endpoint, EndpointSpec } from './endpoint/endpoint.js';
import type { LiveEndpoint } from './endpoint/live-endpoint.js';
import { Membership } from './endpoint/membership.js';
import { Reach } from './endpoint/reach.js';
import { Guard, type LeaseSource } from './guard.js';
import type { CheckHub } from './health/check-hub.js';
import type { Lease } from './lease.js';
import type { CircuitChange } from './resilience/circuit-breaker.js';
import type { Clock, Timer } from './runtime/clock.js';
import { SafeEmitter } from './runtime/emitter.js';
import { FairleadError, toError } from './runtime/errors.js';
import { isFailure, type Outcome } from './runtime/outcome.js';
import type { Random } from './runtime/random.js';
import { ticksToMs, toTick, UNTIMED } from './runtime/ticks.js';
import type { DiscoveryStatus, Service, ServiceEvents } from './service-contract.js';
import { type ReadServiceOptions, readServiceOptions, type ServiceOptions } from './service-options.js';
import { StickySessions } from './sticky-sessions.js';
import { LiveSubset, type Subset, type SubsetOptions } from './subset.js';
import { publishCall, publishEndpoint } from './telemetry/channels.js';
import { type AcquireRequest, View, type ViewHost } from './view.js';

export type { BreakerEvent, DiscoveryStatus, EndpointsEvent, Service, ServiceEvents } from './service-contract.js';

export interface ServiceContext {
  readonly name: string;
  readonly resolver: Resolver;
  readonly registry: PolicyRegistry;
  readonly checks: CheckHub;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long a removed endpoint's calls may go on before it is forgotten anyway. Their leases stay valid. */
const DEFAULT_CLOSE_DEADLINE_MS = 10_000;

/** The time constant of latency estimates where no policy sets one: Finagle's. */
const DEFAULT_DECAY_MS = 10_000;

export class LiveService implements Service, ViewHost {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly rotationOptions: ViewHost['rotationOptions'];
  readonly sticky: StickySessions | undefined;
  readonly probes: ProbeSource | undefined;
  readonly options: ReadServiceOptions;
  readonly plan: ServicePlan;
  readonly guard: Guard | undefined;
  readonly #registry: PolicyRegistry;
  readonly #membership: Membership;
  readonly #reach: Reach;
  readonly #checks: Checks;
  #members: readonly LiveEndpoint[] = [];
  readonly #ejection: Ejection;
  readonly #events = new SafeEmitter<ServiceEvents>();
  readonly #view: View;
  /** The service's own view first, then those of the subsets. */
  readonly #views = new Set<View>();
  /** Views whose picker keeps statistics of its own. */
  #observers: readonly View[] = [];
  readonly #stop = new AbortController();
  #timed: boolean;
  /** Where no signal needs it, none is given it: a number passed on is a heap object. */
  readonly #signalsNeedLatency: boolean;
  #decayMs: number | undefined;
  #version = '';
  #confirmedAtMs = Number.NEGATIVE_INFINITY;
  #lastError: Error | undefined;
  #inflight = 0;
  #idle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: ServiceContext, options: ServiceOptions | undefined) {
    this.name = context.name;
    this.clock = context.clock;
    this.random = context.random;
    this.#registry = context.registry;
    const read = readServiceOptions(`service '${this.name}'`, options);
    this.options = read;
    this.probes = read.probes;
    this.rotationOptions = {
      panicThreshold: read.panicThreshold,
      overprovisioning: read.priority.overprovisioning,
      zone: read.zone,
    };
    this.plan = new ServicePlan(read.resilience);
    this.guard = Guard.needed(read.resilience) ? new Guard(this, read.resilience) : undefined;
    const query = { service: this.name, params: read.discovery };
    context.resolver.check?.(query);
    const policy = this.#resolvePolicy(read.policy);
    this.#timed =
      policy.needsLatency || read.measureLatency || read.health.some((signal) => signal.needsLatency === true);
    this.#signalsNeedLatency = read.health.some((signal) => signal.needsLatency === true);
    this.#decayMs = policy.needsLatency ? (policy.decayMs ?? DEFAULT_DECAY_MS) : undefined;
    this.#membership = new Membership(this.name);
    this.#reach = new Reach(this.clock, this.random, read, () => this.#refresh());
    this.sticky = this.#createSticky();
    this.#ejection = this.#createEjection();
    this.#checks = this.#createChecks(context.checks);
    this.#view = new View(this, policy, undefined);
    this.#addView(this.#view);
    context.resolver.watch(query, { snapshot: this.#onSnapshot, error: this.#onError }, this.#stop.signal);
  }

  /** Those that this client uses, without those that wait for their first check: what views and health are about. */
  get members(): readonly LiveEndpoint[] {
    return this.#members;
  }

  get aperture(): readonly Endpoint[] {
    return this.#reach.members;
  }

  byId(id: string): LiveEndpoint | undefined {
    return this.#membership.byId(id);
  }

  probe(endpoint: LiveEndpoint, lease: object): void {
    this.#ejection.beginProbe(endpoint, lease);
  }

  get endpoints(): readonly Endpoint[] {
    return this.#membership.members;
  }

  get rotation(): readonly Endpoint[] {
    return this.#view.rotation.ready;
  }

  get timed(): boolean {
    return this.#timed;
  }

  get discovery(): DiscoveryStatus {
    return { ageMs: this.clock.now() - this.#confirmedAtMs, version: this.#version, error: this.#lastError };
  }

  get callStats(): CallStats {
    return this.plan.stats;
  }

  acquire(request?: AcquireRequest): Lease {
    return this.acquireFrom(this.#view, request);
  }

  /** As `acquire`, on one of the views. */
  acquireFrom(view: LeaseSource, request: AcquireRequest | undefined): Lease {
    const lease = this.#tryAcquireFrom(view, request);
    if (lease === undefined) {
      this.plan.stats.refused++;
      throw this.guard?.refusal();
    }
    return lease;
  }

  tryAcquire(request: AcquireRequest): Lease | undefined {
    return this.#tryAcquireFrom(this.#view, request);
  }

  #tryAcquireFrom(view: LeaseSource, request: AcquireRequest | undefined): Lease | undefined {
    return this.guard === undefined ? this.lease(view, request) : this.guard.tryAcquire(request, view);
  }

  /** Past all limits. */
  lease(view: LeaseSource, request: AcquireRequest | undefined): Lease {
    const lease = view.acquire(request);
    this.#inflight++;
    return lease;
  }

  /** For the guard. */
  breaker(endpoint: Endpoint | undefined, change: CircuitChange): void {
    this.#events.emit('breaker', { endpoint, ...change });
  }

  call<T>(run: (endpoint: Endpoint, signal: AbortSignal) => Promise<T> | T, options?: CallOptions): Promise<T> {
    return runCall(this, run, options);
  }

  finish(lease: object, endpoint: LiveEndpoint, startTick: number, outcome: Outcome): void {
    this.#inflight--;
    let latencyMs = Number.NaN;
    let nowMs = Number.NaN;
    if (startTick === UNTIMED) {
      endpoint.end(outcome);
    } else {
      nowMs = this.clock.now();
      latencyMs = ticksToMs(startTick, toTick(nowMs));
      endpoint.endTimed(outcome, startTick, nowMs, this.#decayMs ?? DEFAULT_DECAY_MS);
    }
    for (let i = 0; i < this.#observers.length; i++) this.#observers[i]!.observe(endpoint, outcome, latencyMs, nowMs);
    if (endpoint.probe === lease) {
      this.#ejection.probed(endpoint, outcome);
    } else {
      this.#ejection.record(endpoint, outcome, this.#signalsNeedLatency ? latencyMs : Number.NaN);
    }
    if (endpoint.state === 'draining') this.#endedDraining(endpoint, outcome);
    publishCall(this.name, endpoint, outcome, latencyMs);
    if (this.#inflight === 0) this.#idle?.();
  }

  #endedDraining(endpoint: LiveEndpoint, outcome: Outcome): void {
    this.#membership.drained(endpoint);
    if (isFailure(outcome)) this.sticky?.abandon(endpoint);
  }

  /** For `call`: what must be waited for before `acquire` can serve this key; undefined where nothing must. */
  prepare(key: RoutingKey): Promise<void> | undefined {
    return this.sticky?.prepare(key);
  }

  ready(signal?: AbortSignal): Promise<void> {
    if (this.#stop.signal.aborted) return Promise.reject(this.#closedError());
    if (this.#view.rotation.ready.length > 0) return Promise.resolve();
    if (signal?.aborted) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        stopListening();
        signal?.removeEventListener('abort', onAbort);
        this.#stop.signal.removeEventListener('abort', onClose);
        settle();
      };
      const onAbort = (): void => end(() => reject(signal?.reason));
      const onClose = (): void => end(() => reject(this.#closedError()));
      const stopListening = this.#events.on('rotation', () => {
        if (this.#view.rotation.ready.length > 0) end(resolve);
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#stop.signal.addEventListener('abort', onClose, { once: true });
    });
  }

  recovered(endpoint: Endpoint): void {
    const live = this.#membership.byId(endpoint.spec.id);
    if (live === endpoint) this.#ejection.release(live);
  }

  subset(options: SubsetOptions): Subset {
    if (this.#stop.signal.aborted) throw this.#closedError();
    return new LiveSubset(this, options);
  }

  /** For LiveSubset: makes the view, turning on what its policy needs. */
  openView(policySpec: PolicySpec | undefined, usable: (endpoint: Endpoint) => boolean): View {
    const policy = this.#resolvePolicy(policySpec ?? this.options.policy);
    if (policy.needsLatency) this.#measureFor(policy);
    const view = new View(this, policy, usable);
    this.#addView(view);
    return view;
  }

  closeView(view: View): void {
    this.#views.delete(view);
    this.#observers = [...this.#views].filter((each) => each.observes);
  }

  on<Name extends keyof ServiceEvents & string>(
    name: Name,
    listener: (...args: ServiceEvents[Name]) => void,
  ): () => void {
    return this.#events.on(name, listener);
  }

  close(options: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain(options.deadlineMs ?? DEFAULT_CLOSE_DEADLINE_MS);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  explainEmpty(usable: boolean): FairleadError {
    if (this.#stop.signal.aborted) return this.#closedError();
    const known = this.#membership.members.length;
    const why =
      usable && known > 0
        ? `none of its ${known} endpoints may be used by this subset`
        : this.#version === ''
          ? 'discovery has not answered yet'
          : known > 0
            ? `none of its ${known} endpoints has passed its first check yet`
            : 'discovery lists no endpoint for it';
    const cause = this.#lastError;
    const because = cause === undefined ? '' : ` (last discovery error: ${cause.message})`;
    return new FairleadError('FAIRLEAD_NO_ENDPOINT', `No endpoint of service '${this.name}': ${why}${because}.`, {
      service: this.name,
      cause,
    });
  }

  #closedError(): FairleadError {
    return new FairleadError('FAIRLEAD_CLOSED', `Service '${this.name}' is closed.`, { service: this.name });
  }

  #resolvePolicy(spec: PolicySpec): Policy {
    return this.#registry.resolve(spec, `service '${this.name}'.policy`);
  }

  /** Latency is estimated once per endpoint, so all policies of a service share its decay. */
  #measureFor(policy: Policy): void {
    const decayMs = policy.decayMs ?? DEFAULT_DECAY_MS;
    if (this.#decayMs !== undefined && this.#decayMs !== decayMs) {
      throw new FairleadError(
        'FAIRLEAD_CONFLICT',
        `Policy ${policy.name} of a subset of '${this.name}' wants decayMs ${decayMs}, but the service measures with ` +
          `${this.#decayMs}: give both the same.`,
        { service: this.name },
      );
    }
    this.#decayMs = decayMs;
    this.#timed = true;
  }

  #createSticky(): StickySessions | undefined {
    const affinity = this.options.affinity;
    if (affinity === undefined) return undefined;
    const { clock } = this;
    const failed = (error: Error): void => this.#events.emit('error', error);
    const { store: given } = affinity;
    const shared = given !== undefined && 'load' in given ? new SharedSessions(given, clock, affinity, failed) : given;
    const store = shared ?? memoryStore({ clock, ttlMs: affinity.ttlMs, capacity: affinity.capacity });
    const host = {
      name: this.name,
      clock,
      byId: (id: string) => this.#membership.byId(id),
      moved: (event: AffinityEvent) => this.#events.emit('affinity', event),
    };
    return new StickySessions(host, store, affinity);
  }

  #createEjection(): Ejection {
    const members = (): readonly LiveEndpoint[] => this.#members;
    return new Ejection(
      {
        clock: this.clock,
        random: this.random,
        get members() {
          return members();
        },
        changed: () => this.#refresh(),
        ejected: (event) => {
          publishEndpoint(this.name, event.endpoint, 'ejected');
          this.#events.emit('ejected', event);
        },
        failed: (error) => this.#events.emit('error', error),
        returned: (endpoint) => {
          this.#reach.warmUp(endpoint);
          publishEndpoint(this.name, endpoint, 'returned');
          this.#events.emit('returned', endpoint);
        },
      },
      this.options.health,
      this.options.maxEjectionRatio,
    );
  }

  #createChecks(hub: CheckHub): Checks {
    return new Checks(hub, this.options.checks, {
      changed: () => this.#refresh(),
      vouched: (endpoint) => this.#ejection.release(endpoint),
      checked: (event, endpoint) => {
        if (event.healthy && !event.isFirst) this.#reach.warmUp(endpoint);
        this.#events.emit('checked', event);
      },
    });
  }

  #addView(view: View): void {
    this.#views.add(view);
    this.#observers = [...this.#views].filter((each) => each.observes);
  }

  #refresh(respecified = false): void {
    this.#reach.update(this.#membership.members, respecified);
    const reach = this.#reach.members;
    this.#checks.follow(reach);
    if (this.options.aperture !== undefined) this.#ejection.confine(reach);
    this.#members = reach.some(waitsForCheck) ? reach.filter((endpoint) => !waitsForCheck(endpoint)) : reach;
    for (const view of this.#views) view.refresh();
    this.#events.emit('rotation');
  }

  readonly #onSnapshot = (specs: readonly EndpointSpec[], version: string, ageMs = 0): void => {
    if (this.#stop.signal.aborted) return;
    this.#confirmedAtMs = this.clock.now() - ageMs;
    this.#lastError = undefined;
    if (version === this.#version && version !== '') return;
    const first = this.#membership.members.length === 0;
    this.#version = version;
    const change = this.#membership.apply(specs);
    for (const endpoint of change.departed) {
      this.#ejection.forget(endpoint);
      this.#reach.forget(endpoint);
      this.sticky?.departed(endpoint);
    }
    // Where all are new, nobody is colder than the others.
    if (!first) for (const endpoint of change.arrived) this.#reach.warmUp(endpoint);
    for (const error of change.refused) this.#events.emit('error', error);
    if (change.arrived.length + change.changed.length + change.departed.length === 0) return;
    this.#refresh(change.changed.length > 0);
    for (const endpoint of change.arrived) publishEndpoint(this.name, endpoint, 'arrived');
    for (const endpoint of change.departed) publishEndpoint(this.name, endpoint, 'departed');
    const { arrived, changed, departed } = change;
    this.#events.emit('endpoints', { arrived, changed, departed });
  };

  readonly #onError = (error: Error): void => {
    if (this.#stop.signal.aborted) return;
    this.#lastError = toError(error);
    this.#events.emit('error', this.#lastError);
  };

  async #drain(deadlineMs: number): Promise<void> {
    this.#stop.abort();
    for (const view of this.#views) view.close();
    if (this.#inflight > 0) {
      let timer: Timer | undefined;
      await new Promise<void>((resolve) => {
        timer = this.clock.awaited(deadlineMs, resolve);
        this.#idle = resolve;
      });
      timer?.cancel();
      this.#idle = undefined;
    }
    this.#ejection.close();
    this.#checks.close();
    this.#reach.close();
    this.sticky?.clear();
    this.#events.clear();
  }

  get closed(): boolean {
    return this.#stop.signal.aborted;
  }
}

function waitsForCheck(endpoint: LiveEndpoint): boolean {
  return endpoint.uncheckedBy > 0;
}
