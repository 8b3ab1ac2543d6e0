import type { AffinityEvent, SessionsFullEvent } from '../affinity/affinity.js';
import type { CallOptions, FallbackOption } from '../call/options.js';
import type { CallStats } from '../call/plan.js';
import type { DiscoveryStatus } from '../discovery/resolver.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { EjectionEvent } from '../health/ejection-event.js';
import type { CheckReport } from '../health/reported-checks.js';
import type { CheckEvent } from '../health/service-checks.js';
import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { CircuitChange } from '../resilience/circuit-breaker.js';
import type { RoutingKey } from '../runtime/context.js';
import type { EventNames } from '../runtime/emitter.js';
import type { Outcome } from '../runtime/outcome.js';
import type { FlightLog } from '../telemetry/flight.js';
import type { Explanation } from './explanation.js';
import type { Subset, SubsetOptions } from './subset.js';

export interface ServiceEvents {
  /** The membership changed. Listeners see the new rotation already. */
  readonly endpoints: readonly [change: EndpointsEvent];
  /** What may be picked changed, for any reason. */
  readonly rotation: readonly [];
  readonly ejected: readonly [event: EjectionEvent];
  readonly returned: readonly [endpoint: Endpoint];
  /** An active check changed its mind about an endpoint, or reported on it for the first time. */
  readonly checked: readonly [event: CheckEvent];
  /** A session left its endpoint, or was refused because it could not. */
  readonly affinity: readonly [event: AffinityEvent];
  /**
   * The table of sessions is full of sessions in use, so new ones find no room; at most once a
   * minute. Many more users than `affinity.capacity`, or a client that makes keys up.
   */
  readonly sessionsFull: readonly [event: SessionsFullEvent];
  /** A circuit breaker changed its state: that of an endpoint, or the service's own. */
  readonly breaker: readonly [event: BreakerEvent];
  /**
   * Discovery failed, or reported an endpoint that was left out. The last good list stays in force.
   */
  readonly error: readonly [error: Error];
  /** Discovery works again after it had failed, be its list another one or not. */
  readonly recovered: readonly [];
}

export const SERVICE_EVENTS: EventNames<ServiceEvents> = {
  endpoints: true,
  rotation: true,
  ejected: true,
  returned: true,
  checked: true,
  affinity: true,
  sessionsFull: true,
  breaker: true,
  error: true,
  recovered: true,
};

export interface BreakerEvent extends CircuitChange {
  /** Undefined for the breaker of the whole service. */
  readonly endpoint: Endpoint | undefined;
}

export interface EndpointsEvent {
  readonly arrived: readonly Endpoint[];
  readonly changed: readonly Endpoint[];
  readonly departed: readonly Endpoint[];
}

/**
 * A named upstream: endpoints from discovery, a policy that picks one per call, and the health that
 * outcomes show.
 */
export interface Service extends AsyncDisposable {
  readonly name: string;
  /**
   * All that discovery lists now, in the order of their ids. Those that it lists as unhealthy are
   * among them, in state `unhealthy`; they are in neither `rotation` nor `usedEndpoints`.
   */
  readonly endpoints: readonly Endpoint[];
  /** The endpoints that may be picked now. */
  readonly rotation: readonly Endpoint[];
  /**
   * The endpoints that this client uses at all: connect to these. All healthy ones, unless
   * `aperture` is set.
   */
  readonly usedEndpoints: readonly Endpoint[];
  readonly discovery: DiscoveryStatus;
  /** Its last decisions; undefined without the option `recorder`. */
  readonly flight: FlightLog | undefined;
  /** Repeats, hedges and refusals so far; live. */
  readonly callStats: CallStats;
  /**
   * Picks an endpoint and counts a call on it until the lease is done. Synchronous. Throws
   * FAIRLEAD_NO_ENDPOINT when there is none, FAIRLEAD_AFFINITY_LOST, FAIRLEAD_CLOSED; where limits
   * or breakers are configured and refuse, FAIRLEAD_TOO_MANY_CALLS, FAIRLEAD_RATE_LIMITED,
   * FAIRLEAD_THROTTLED, FAIRLEAD_CIRCUIT_OPEN. Limits per client key are for `call()`.
   */
  acquire(request?: AcquireRequest): Lease;
  /**
   * Acquires, runs, and judges how it ended; again on another endpoint where it failed and a repeat
   * is safe (see `ServiceOptions.resilience`). Waits for the first endpoints (`waitForReadyMs`).
   * Rejects with what `run` threw last, or with FAIRLEAD_DEADLINE_EXCEEDED, FAIRLEAD_CANCELLED,
   * FAIRLEAD_UNCERTAIN and what `acquire` throws; `attemptsOf` returns the attempts behind it.
   */
  call<T, F = never>(
    run: (endpoint: Endpoint, signal: AbortSignal) => Promise<T> | T,
    options?: CallOptions & FallbackOption<F>,
  ): Promise<T | F>;
  /**
   * What `acquire` with this request would do now, and why: every endpoint with what the policy
   * makes of it or why it is left out, what was drawn, the session, the split, the lane, the
   * choice. Changes nothing: it takes no lease, moves no cursor, renews no session, and draws by a
   * stream of its own. Limits per client key and the throttle, which is by chance, are not in it.
   * Throws FAIRLEAD_INVALID_OPTION for a key that is none; O(endpoints).
   */
  explain(request?: AcquireRequest): Explanation;
  /**
   * Resolves once there is an endpoint to pick. Rejects with the signal's reason, or
   * FAIRLEAD_CLOSED.
   */
  ready(signal?: AbortSignal): Promise<void>;
  /**
   * The caller asked the endpoint itself (an adapter's own probe) and found it well: ends its
   * ejection now, without waiting for the time to pass or for a probing call. Does nothing for an
   * endpoint that is not ejected.
   */
  reportRecovered(endpoint: Endpoint): void;
  /**
   * How an adapter's own probe of the endpoint ended: evidence for its health as the outcome of a
   * call is, and no call otherwise: it is in no figure, event of a call or load.
   */
  reportProbe(endpoint: Endpoint, outcome: Outcome): void;
  /**
   * Forgets the endpoint of a session: its next call begins anew. For sessions whose endpoint is
   * gone for good under `onUnavailable: 'fail'`. Rejects where the store fails or has no `unbind`.
   * Does nothing without affinity.
   */
  unbind(key: RoutingKey): Promise<void>;
  /**
   * What an adapter's own prober found out: an endpoint that it reports as not healthy is
   * `unhealthy`, out of the rotation, until the same reporter says otherwise, and a `checked` event
   * tells of each change. For adapters that ask more than an active check can.
   */
  reportCheck(endpoint: Endpoint, report: CheckReport): void;
  /**
   * A live view over some of the endpoints, with a picker of its own and the same counters and
   * health.
   */
  subset(options: SubsetOptions): Subset;
  /**
   * Returns a function that stops listening. What a listener throws is reported as a warning and
   * stops nothing.
   */
  on<Name extends keyof ServiceEvents & string>(
    name: Name,
    listener: (...args: ServiceEvents[Name]) => void,
  ): () => void;
  /**
   * Stops discovery and refuses new calls, then waits until the calls in progress are done, at most
   * `deadlineMs` (default 10,000). Idempotent.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}
