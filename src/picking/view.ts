import type { SessionPreview, StickyView } from '../affinity/sticky-sessions.js';
import type { OddityBook } from '../balancing/oddities.js';
import type { Description, PickRequest, Policy, PolicyContext, ProbeSource } from '../balancing/policy.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { computeRotation, EMPTY_ROTATION, type LiveRotation, serves } from '../endpoint/rotation/rotation.js';
import { checkBinaryKey, type RoutingKey } from '../runtime/context.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import { toTick, UNTIMED } from '../runtime/ticks.js';
import { DecidedBy } from '../telemetry/flight-recorder.js';
import { GroupPickers, type Tells } from './group-pickers.js';
import type { AcquireRequest } from './lease.js';
import { CallLease, type JudgedLease, type LeaseHost } from './lease.js';
import { ProbeTurns } from './probe-turns.js';
import { SessionLease } from './session-lease.js';
import type { ViewHost, ViewOptions, ViewPreview } from './view-host.js';

const NO_REQUEST: AcquireRequest = {};

interface MutablePickRequest extends PickRequest {
  key: RoutingKey | undefined;
  tried: readonly Endpoint[] | undefined;
  nowMs: number;
}

/**
 * A picker at work on a part of the service: the whole for the service itself, fewer for a subset.
 * The hot path.
 */
export class View implements StickyView, Tells {
  /** Whose sessions its calls are. */
  readonly sessions: string;
  /** Whether its policy is the service's. */
  readonly goesByService: boolean;
  #policy: Policy;
  readonly #host: ViewHost;
  readonly options: ViewOptions;
  readonly #owner: LeaseHost<LiveEndpoint>;
  readonly #usable: ((endpoint: Endpoint) => boolean) | undefined;
  readonly #oddities: OddityBook;
  #pickers: GroupPickers;
  #probingInList = false;
  /** One object for all picks: they are synchronous, and pickers do not keep it. */
  readonly #request: MutablePickRequest = { key: undefined, tried: undefined, nowMs: Number.NaN };
  #rotation: LiveRotation = EMPTY_ROTATION;
  /**
   * The first rotation, while its pickers prepare for it: until then those who wait for an endpoint
   * go on waiting, and a call that does not wait has them finish at once.
   */
  #held: LiveRotation | undefined;
  /** Whether some member may be used for its own sake, not for want of another. */
  #servable = false;
  #closed = false;
  /** `rotation.healthy` as a set, made on the first query by endpoint. */
  #healthy: ReadonlySet<LiveEndpoint> | undefined;
  /** Made when an endpoint first waits for a call that decides about it. */
  #turns: ProbeTurns | undefined;
  #foundSession = false;
  /** The name of the latest call's session. */
  #session: string | undefined;
  /** What the latest call's session is to be bound to, where it has just begun. */
  #begun: LiveEndpoint | undefined;

  constructor(host: ViewHost, options: ViewOptions, oddities: OddityBook) {
    this.#oddities = oddities;
    const { policy, usable, sessions = '', owner = host, goesByService = true } = options;
    this.goesByService = goesByService;
    this.sessions = sessions;
    this.options = options;
    this.#host = host;
    this.#owner = owner;
    this.#usable = usable;
    this.#policy = policy;
    this.#pickers = new GroupPickers(policy, host, this, oddities);
    this.refresh();
  }

  get policy(): Policy {
    return this.#policy;
  }

  get policyName(): string {
    return this.#policy.name;
  }

  /**
   * Pickers of another policy, warmed up on the rotation as it is. Throws what the policy throws.
   * Nothing picks by them before `adopt`.
   */
  prepare(policy: Policy, probes: ProbeSource | undefined): GroupPickers {
    const { name, clock, random } = this.#host;
    const pickers = new GroupPickers(policy, { name, clock, random, probes }, this, this.#oddities);
    const { ready, groups } = this.#held ?? this.#rotation;
    if (ready.length > 0) pickers.update(groups);
    return pickers;
  }

  adopt(policy: Policy, pickers: GroupPickers): void {
    this.#policy = policy;
    this.#pickers.close();
    this.#pickers = pickers;
    this.built();
  }

  get rotation(): LiveRotation {
    return this.#rotation;
  }

  /** Whether the latest lease went to an endpoint because a session had been bound to it before. */
  get foundSession(): boolean {
    return this.#foundSession;
  }

  get members(): readonly LiveEndpoint[] {
    return this.#rotation.members;
  }

  /** Whether an endpoint of it serves. */
  get servable(): boolean {
    return this.#servable;
  }

  /** Nothing may be picked any longer, for good. */
  close(): void {
    this.#closed = true;
    this.#held = undefined;
    this.#pickers.close();
    this.#rotation = EMPTY_ROTATION;
    this.#servable = false;
    this.#healthy = undefined;
  }

  /** Something that decides about the rotation changed. */
  refresh(): void {
    if (this.#closed) return;
    this.#probingInList = this.#policy.usesKey === true || this.#host.sticky !== undefined;
    const first = this.#rotation.ready.length === 0;
    this.#held = undefined;
    const usable = this.#usable === undefined ? undefined : (endpoint: Endpoint) => this.covers(endpoint);
    const { panicThreshold, priority, zone } = this.#host.options;
    const { overprovisioning } = priority;
    const probingInList = this.#probingInList;
    this.#rotation = computeRotation(this.#host.members, usable, {
      panicThreshold,
      overprovisioning,
      zone,
      probingInList,
    });
    this.#healthy = undefined;
    this.#servable = this.#rotation.members.some(serves);
    this.#turns?.restart();
    if (this.#rotation.ready.length === 0) return;
    this.#pickers.update(this.#rotation.groups);
    if (!first || !this.#pickers.building) return;
    this.#held = this.#rotation;
    this.#rotation = EMPTY_ROTATION;
  }

  /** Of a subset whose user asks. */
  get weighed(): PolicyContext['weighed'] {
    return this.options.weighed;
  }

  /** Whether it is about the endpoint. A user's function that throws says no. */
  covers(endpoint: Endpoint): boolean {
    try {
      return this.#usable === undefined || this.#usable(endpoint);
    } catch {
      return false;
    }
  }

  /** A picker is prepared for its rotation. */
  built(): void {
    if (this.#held !== undefined && !this.#pickers.building) this.#release();
  }

  /** Whether a rotation was held back: it is in use now. */
  #release(): boolean {
    const held = this.#held;
    if (held === undefined) return false;
    this.#held = undefined;
    this.#rotation = held;
    this.#host.built();
    return true;
  }

  acquire(request: AcquireRequest = NO_REQUEST): JudgedLease {
    if (this.#rotation.ready.length === 0 && !this.#release())
      throw this.#host.explainEmpty(this.#usable !== undefined);
    const host = this.#host;
    const pick = this.#request;
    const { key } = request;
    if (key !== undefined && typeof key !== 'string') checkBinaryKey(key);
    pick.key = key;
    pick.tried = request.tried;
    const { prefer } = request;
    if (request.beside === true && (pick.key !== undefined || prefer !== undefined)) this.#host.sticky?.refuseBeside();
    if (!host.timed) {
      const endpoint = this.#choose(pick, request);
      endpoint.begin();
      return this.#lease(endpoint, UNTIMED);
    }
    const nowMs = host.clock.now();
    pick.nowMs = nowMs;
    const endpoint = this.#choose(pick, request);
    endpoint.beginTimed(nowMs);
    const tick = toTick(nowMs);
    const lease = this.#lease(endpoint, tick);
    const { recorder } = host;
    if (recorder !== undefined) {
      recorder.atMs[0] = nowMs;
      recorder.decided(endpoint, tick, this.#decidedBy(endpoint, lease, prefer), key, this.#rotation.ready.length);
    }
    return lease;
  }

  /** What `acquire` would do now; changes nothing. Throws what it would throw. */
  preview(request: AcquireRequest, random: Random): ViewPreview {
    if (this.#rotation.ready.length === 0 && !this.#release())
      throw this.#host.explainEmpty(this.#usable !== undefined);
    const { key, tried, prefer, beside } = request;
    if (key !== undefined && typeof key !== 'string') checkBinaryKey(key);
    const { sticky, timed, clock } = this.#host;
    if (beside === true && (key !== undefined || prefer !== undefined)) sticky?.refuseBeside();
    const pick = { key, tried, nowMs: timed ? clock.now() : Number.NaN };
    if (prefer !== undefined) {
      const preferred = sticky === undefined ? this.#preferred(prefer, pick) : sticky.peek(this, { id: prefer }, tried);
      if (preferred !== undefined) return { endpoint: preferred, by: 'prefer', drew: [preferred] };
    }
    const turns = this.#turns?.copy() ?? new ProbeTurns();
    const returning = this.#probe(pick, turns);
    if (returning !== undefined) return { endpoint: returning, by: 'probe', drew: [returning] };
    let session: SessionPreview | undefined;
    const asks = key !== undefined && (sticky === undefined || beside !== true);
    if (asks && sticky !== undefined) {
      session = sticky.peekSession(this, key, tried);
      const { endpoint } = session;
      if (endpoint !== undefined) return { endpoint, by: 'session', drew: [endpoint], session };
    }
    const probed = asks ? turns.takeForWantOfOwn(tried, this.#rotation) : undefined;
    if (probed !== undefined) return { endpoint: probed, by: 'probe', drew: [probed], session };
    return { by: 'policy', session, ...this.#previewPick(pick, random) };
  }

  /** What the policy makes of an endpoint that it may pick; undefined where it does not say. */
  describe(endpoint: LiveEndpoint, request: PickRequest): Description | undefined {
    return this.#pickers.describe(endpoint, request);
  }

  /** As `#pick`. */
  #previewPick(pick: PickRequest, random: Random): Pick<ViewPreview, 'endpoint' | 'drew'> {
    const avoid = [...(pick.tried ?? [])];
    for (let tried = pick.tried; ; tried = avoid) {
      const preview = this.#pickers.preview({ ...pick, tried }, random);
      if (preview === undefined) return { endpoint: undefined, drew: [] };
      const endpoint = preview.endpoint as LiveEndpoint;
      if (!this.#busyProbing(endpoint) || avoid.includes(endpoint)) return { endpoint, drew: preview.drew };
      avoid.push(endpoint);
    }
  }

  /** The latest lease is taken: a session that began with it is bound. */
  settle(): void {
    const endpoint = this.#begun;
    if (endpoint === undefined) return;
    this.#begun = undefined;
    this.#host.sticky?.bind(endpoint);
  }

  /** The service reports every call that ends on one of its endpoints. */
  observe(endpoint: LiveEndpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    this.#pickers.observe(endpoint, outcome, latencyMs, nowMs);
  }

  get observes(): boolean {
    return this.#pickers.observes;
  }

  #lease(endpoint: LiveEndpoint, startTick: number): JudgedLease {
    const { sticky } = this.#host;
    const lease =
      sticky === undefined || this.#session === undefined
        ? new CallLease(this.#owner, endpoint, startTick)
        : new SessionLease(this.#owner, endpoint, startTick, sticky, this.#session);
    this.#host.began();
    if (endpoint.state === 'probing' && endpoint.probe === undefined) this.#host.probe(endpoint, lease);
    return lease;
  }

  #decidedBy(endpoint: LiveEndpoint, lease: object, prefer: string | undefined): DecidedBy {
    if (this.#foundSession) return DecidedBy.session;
    if (endpoint.probe === lease) return DecidedBy.probe;
    return prefer === endpoint.spec.id ? DecidedBy.prefer : DecidedBy.policy;
  }

  #choose(pick: MutablePickRequest, { prefer, beside }: AcquireRequest): LiveEndpoint {
    this.#foundSession = false;
    this.#session = undefined;
    this.#begun = undefined;
    if (prefer !== undefined) {
      const preferred = this.#preferred(prefer, pick);
      if (preferred !== undefined) return preferred;
    }
    const { probing } = this.#rotation;
    if (probing.length > 0) {
      this.#turns ??= new ProbeTurns();
      const returning = this.#probe(pick, this.#turns);
      if (returning !== undefined) return returning;
    }
    const sticky = this.#host.sticky;
    if (pick.key === undefined) return this.#pick(pick);
    if (sticky !== undefined) {
      if (beside === true) {
        this.#session = sticky.look(this, pick.key);
        return this.#pick(pick);
      }
      const bound = sticky.find(this, pick.key, pick.tried);
      this.#session = sticky.name;
      if (bound !== undefined) {
        this.#foundSession = true;
        return bound;
      }
    }
    const probed = probing.length > 0 ? this.#turns?.takeForWantOfOwn(pick.tried, this.#rotation) : undefined;
    const chosen = probed ?? this.#pick(pick);
    this.#begun = chosen;
    return chosen;
  }

  #preferred(id: string, pick: PickRequest): LiveEndpoint | undefined {
    const sticky = this.#host.sticky;
    if (sticky !== undefined) return sticky.prefer(this, id, pick.tried);
    const endpoint = this.#host.byId(id);
    // One that its registry calls unhealthy is as good as gone, but for sessions that may stay
    // while it drains.
    if (endpoint === undefined || endpoint.withdrawn || !this.usable(endpoint) || pick.tried?.includes(endpoint))
      return undefined;
    return endpoint;
  }

  /** Whether a call that asks for this endpoint may have it. */
  usable(endpoint: LiveEndpoint): boolean {
    if (this.#busyProbing(endpoint) || this.#host.isShut(endpoint)) return false;
    this.#healthy ??= new Set(this.#rotation.healthy);
    if (this.#healthy.has(endpoint)) return true;
    // Withdrawn by discovery, and asked for by a session that may keep it: only what the view
    // covers.
    return endpoint.withdrawn && this.covers(endpoint);
  }

  /** The first call without a key, or whose key does not matter, goes to a returning endpoint. */
  #probe(pick: PickRequest, turns: ProbeTurns): LiveEndpoint | undefined {
    if (this.#probingInList && pick.key !== undefined) return undefined;
    return turns.take(pick.tried, this.#rotation);
  }

  #pick(pick: MutablePickRequest): LiveEndpoint {
    const first = this.#pickers.pick(pick);
    if (!this.#busyProbing(first)) return first;
    // Rare: it is being probed by one call, and that is all it shall get. Each turn rules one more
    // endpoint out.
    const avoid: Endpoint[] = [...(pick.tried ?? []), first];
    for (;;) {
      pick.tried = avoid;
      const next = this.#pickers.pick(pick);
      if (!this.#busyProbing(next) || avoid.includes(next)) return next;
      avoid.push(next);
    }
  }

  #busyProbing(endpoint: LiveEndpoint): boolean {
    return endpoint.state === 'probing' && endpoint.probe !== undefined && !this.#rotation.panic;
  }
}
