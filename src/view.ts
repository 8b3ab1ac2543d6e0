import type { Picker, PickRequest, Policy, RoutingKey } from './balancing/policy.js';
import type { Endpoint } from './endpoint/endpoint.js';
import type { LiveEndpoint } from './endpoint/live-endpoint.js';
import { computeRotation, EMPTY_ROTATION, type LiveRotation } from './endpoint/rotation.js';
import { CallLease, type Lease, type LeaseOwner, toTick, UNTIMED } from './lease.js';
import type { Clock } from './runtime/clock.js';
import type { FairleadError } from './runtime/errors.js';
import type { Outcome } from './runtime/outcome.js';
import type { Random } from './runtime/random.js';
import type { StickySessions } from './sticky-sessions.js';

/** What a call may say about where it wants to go. */
export interface AcquireRequest {
  /** What to hash by, or to be sticky by; never required. Default: none. */
  readonly key?: RoutingKey | undefined;
  /** Endpoints this call tried before: avoided while there is another. */
  readonly tried?: readonly Endpoint[] | undefined;
}

/** What a view needs of the service it belongs to. */
export interface ViewHost extends LeaseOwner<LiveEndpoint> {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly members: readonly LiveEndpoint[];
  readonly panicThreshold: number;
  /** Whether some policy of the service needs response times. */
  readonly timed: boolean;
  readonly sticky: StickySessions | undefined;
  /** Why there is no endpoint: closed, discovery failed, none registered. */
  explainEmpty(usable: boolean): FairleadError;
}

const NO_REQUEST: AcquireRequest = {};

interface MutablePickRequest extends PickRequest {
  key: RoutingKey | undefined;
  tried: readonly Endpoint[] | undefined;
  nowMs: number;
}

/**
 * A picker at work on a part of the service: the whole for the service itself, fewer for a subset. The hot path.
 */
export class View {
  readonly #host: ViewHost;
  readonly #usable: ((endpoint: Endpoint) => boolean) | undefined;
  readonly #picker: Picker;
  readonly #probingInList: boolean;
  /** One object for all picks: they are synchronous, and pickers do not keep it. */
  readonly #request: MutablePickRequest = { key: undefined, tried: undefined, nowMs: Number.NaN };
  #rotation: LiveRotation = EMPTY_ROTATION;
  #closed = false;
  #ready: ReadonlySet<LiveEndpoint> = new Set();

  constructor(host: ViewHost, policy: Policy, usable: ((endpoint: Endpoint) => boolean) | undefined) {
    this.#host = host;
    this.#usable = usable;
    this.#picker = policy.create({ clock: host.clock, random: host.random, service: host.name });
    this.#probingInList = policy.usesKey === true || host.sticky !== undefined;
    this.refresh();
  }

  get rotation(): LiveRotation {
    return this.#rotation;
  }

  /** Nothing may be picked any longer, for good. */
  close(): void {
    this.#closed = true;
    this.#rotation = EMPTY_ROTATION;
  }

  /** Something that decides about the rotation changed. */
  refresh(): void {
    if (this.#closed) return;
    this.#rotation = computeRotation(this.#host.members, this.#usable, {
      panicThreshold: this.#host.panicThreshold,
      probingInList: this.#probingInList,
    });
    this.#ready = new Set(this.#rotation.ready);
    if (this.#rotation.ready.length > 0) this.#picker.update(this.#rotation);
  }

  acquire(request: AcquireRequest = NO_REQUEST): Lease {
    if (this.#rotation.ready.length === 0) throw this.#host.explainEmpty(this.#usable !== undefined);
    const host = this.#host;
    const pick = this.#request;
    pick.key = request.key;
    pick.tried = request.tried;
    if (!host.timed) {
      const endpoint = this.#choose(pick);
      endpoint.begin();
      return this.#lease(endpoint, UNTIMED);
    }
    const nowMs = host.clock.now();
    pick.nowMs = nowMs;
    const endpoint = this.#choose(pick);
    endpoint.beginTimed(nowMs);
    return this.#lease(endpoint, toTick(nowMs));
  }

  /** Told by the service about every call that ends on one of this view's endpoints. */
  observe(endpoint: LiveEndpoint, outcome: Outcome, latencyMs: number, nowMs: number): void {
    this.#picker.observe?.(endpoint, outcome, latencyMs, nowMs);
  }

  get observes(): boolean {
    return this.#picker.observe !== undefined;
  }

  #lease(endpoint: LiveEndpoint, startTick: number): Lease {
    const lease = new CallLease(this.#host, endpoint, startTick);
    if (endpoint.state === 'probing' && endpoint.probe === undefined) endpoint.probe = lease;
    return lease;
  }

  #choose(pick: MutablePickRequest): LiveEndpoint {
    const { probing } = this.#rotation;
    if (probing.length > 0) {
      const returning = this.#probe(pick, probing);
      if (returning !== undefined) return returning;
    }
    const sticky = this.#host.sticky;
    if (sticky !== undefined && pick.key !== undefined) {
      const bound = sticky.find(pick.key, pick.tried, this.#ready);
      if (bound !== undefined && !this.#busyProbing(bound)) return bound;
      const chosen = this.#pick(pick);
      sticky.bind(pick.key, chosen);
      return chosen;
    }
    return this.#pick(pick);
  }

  /** The first call without a key, or whose key is nobody's business, goes to a returning endpoint. */
  #probe(pick: PickRequest, probing: readonly LiveEndpoint[]): LiveEndpoint | undefined {
    if (this.#probingInList && pick.key !== undefined) return undefined;
    for (const endpoint of probing) {
      if (endpoint.probe === undefined && !pick.tried?.includes(endpoint)) return endpoint;
    }
    return undefined;
  }

  #pick(pick: MutablePickRequest): LiveEndpoint {
    const first = this.#picker.pick(pick) as LiveEndpoint;
    if (!this.#busyProbing(first)) return first;
    // Rare: it is being probed by one call, and that is all it shall get. Each turn rules one more endpoint out.
    const avoid: Endpoint[] = [...(pick.tried ?? []), first];
    for (;;) {
      pick.tried = avoid;
      const next = this.#picker.pick(pick) as LiveEndpoint;
      if (!this.#busyProbing(next) || avoid.includes(next)) return next;
      avoid.push(next);
    }
  }

  #busyProbing(endpoint: LiveEndpoint): boolean {
    return endpoint.state === 'probing' && endpoint.probe !== undefined && !this.#rotation.panic;
  }
}
