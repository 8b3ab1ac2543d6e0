import type { Endpoint } from '../endpoint/endpoint.js';
import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { Part, Router } from '../picking/router.js';
import type { Guard } from '../resilience/guard.js';
import type { Classify } from '../resilience/verdict.js';
import type { RoutingKey } from '../runtime/context.js';
import { FairleadError } from '../runtime/errors.js';
import type { Random } from '../runtime/random.js';
import type { FirstEndpointHost } from './first-endpoint.js';
import type { ServicePlan } from './plan.js';

/** What is called: once per attempt, each on another endpoint where there is one. */
export type Run<T> = (endpoint: Endpoint, signal: AbortSignal) => Promise<T> | T;

/** What a call needs of its service. */
export interface CallHost extends FirstEndpointHost {
  /** Where this is a part of one. Default: this is the service itself. */
  readonly service?: { readonly name: string };
  readonly name: string;
  readonly random: Random;
  readonly closed: boolean;
  /** Aborts when the service begins to close. */
  readonly stopping: AbortSignal;
  /** Discovery knows that there is no such service: a first endpoint is not waited for. */
  readonly unlisted: boolean;
  readonly options: {
    readonly waitForReadyMs: number;
    readonly classify: Classify | undefined;
    readonly affinity: object | undefined;
  };
  readonly rotation: readonly Endpoint[];
  readonly plan: ServicePlan;
  readonly guard: Guard | undefined;
  /**
   * A lease; undefined where a limit or a breaker refuses the call; throws where there is no
   * endpoint.
   */
  tryAcquire(request: AcquireRequest): Lease | undefined;
  /** Why a call found no endpoint, although it waited for one. */
  explainUnready(): FairleadError;
  /**
   * What must be waited for before a lease for this key can be had; undefined where nothing must.
   */
  prepare(key: RoutingKey, part: Part | undefined): Promise<void> | undefined;
  /** Undefined where calls are not routed. */
  readonly router: Router | undefined;
}

export function closedError(service: string): FairleadError {
  return new FairleadError('FAIRLEAD_CLOSED', `Service '${service}' is closed and takes no more calls.`, { service });
}
