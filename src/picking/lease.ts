import type { Endpoint } from '../endpoint/endpoint.js';
import type { RoutingKey } from '../runtime/context.js';
import { invalidOption } from '../runtime/options.js';
import { OUTCOME_NAMES, Outcome } from '../runtime/outcome.js';
import type { Labels, Part, RouteRequest } from './router.js';

/** One call in progress on one endpoint. */
export interface Lease extends Disposable {
  readonly endpoint: Endpoint;
  /**
   * Ends it. Idempotent: only the first call counts. Disposing without it counts as cancelled.
   * `hadMs` belongs to a timeout: how long the caller gave the endpoint, in milliseconds. A timeout
   * speaks against an endpoint only where that is long enough for most answers of the service; by
   * default the time since the lease was acquired is taken, where the service measures it.
   */
  done(outcome: Outcome, hadMs?: number): void;
}

/** A lease that says at its end how the outcome counts: a timeout too soon is none. */
export interface JudgedLease extends Lease {
  done(outcome: Outcome, hadMs?: number): Outcome;
}

/** Notified when a lease ends. */
export interface LeaseHost<E extends Endpoint> {
  /** Returns the outcome as it counts. */
  finish(lease: object, endpoint: E, startTick: number, outcome: Outcome, hadMs: number | undefined): Outcome;
}

/**
 * A fresh small object per call: 48 bytes. Pooled ones would alias: a late `done` would end another
 * call.
 */
export class CallLease<E extends Endpoint> implements JudgedLease {
  readonly endpoint: E;
  #owner: LeaseHost<E> | undefined;
  readonly #startTick: number;

  constructor(owner: LeaseHost<E>, endpoint: E, startTick: number) {
    this.endpoint = endpoint;
    this.#owner = owner;
    this.#startTick = startTick;
  }

  done(outcome: Outcome, hadMs?: number): Outcome {
    const owner = this.#owner;
    if (owner === undefined) return outcome;
    this.#owner = undefined;
    if (!(outcome >= 0 && outcome < OUTCOME_NAMES.length)) {
      owner.finish(this, this.endpoint, this.#startTick, Outcome.Cancelled, undefined);
      throw invalidOption('done', outcome, 'an Outcome, such as Outcome.Success');
    }
    return owner.finish(this, this.endpoint, this.#startTick, outcome, hadMs);
  }

  [Symbol.dispose](): void {
    this.done(Outcome.Cancelled);
  }
}

/** What a call may say about where it wants to go. */
export interface AcquireRequest extends RouteRequest {
  /**
   * What to hash by, or to be sticky by; never required. Default: none. Anything but a string or
   * bytes is FAIRLEAD_INVALID_OPTION.
   */
  readonly key?: RoutingKey | undefined;
  /** Endpoints this call tried before: avoided while there is another. */
  readonly tried?: readonly Endpoint[] | undefined;
  /**
   * The id of the endpoint to use, if it may be picked: what an affinity token or a caller upstream
   * said. When it may not, `affinity.onUnavailable` decides; without affinity, or when no such
   * endpoint exists, the policy picks.
   */
  readonly prefer?: string | undefined;
  /**
   * A hedge, or a call served elsewhere because its session's endpoint is full: the session's
   * binding is not changed. Default false.
   */
  readonly beside?: boolean | undefined;
  /**
   * For calls that are routed (`fairlead/routing`): what the call says of itself, such as its
   * headers. Default: nothing.
   */
  readonly labels?: Labels | undefined;
  /**
   * The part that `Service.route()` chose for this call: all attempts of a call stay in one.
   * Default: chosen here.
   */
  readonly part?: Part | undefined;
}

/** Where leases come from: the view of the service or of a subset. */
export interface LeaseSource {
  /** What may be picked; another object whenever that changed. */
  readonly rotation: object;
  /** Whether the latest lease went where a session had been bound before. */
  readonly foundSession: boolean;
  acquire(request?: AcquireRequest): JudgedLease;
  /**
   * The latest lease is taken, and was not refused by a limit: a session that began with it is
   * bound.
   */
  settle(): void;
}
