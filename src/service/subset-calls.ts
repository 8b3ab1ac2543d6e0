import type { CallHost } from '../call/host.js';
import type { ServicePlan } from '../call/plan.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { Part, Router } from '../picking/router.js';
import type { View } from '../picking/view.js';
import type { Guard } from '../resilience/guard.js';
import type { Clock } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import type { FairleadError } from '../runtime/errors.js';
import type { Random } from '../runtime/random.js';

/** What the calls of a subset need of its service. */
export interface SubsetCallHost extends CallHost {
  tryAcquire(request: AcquireRequest, view?: View): Lease | undefined;
  prepare(key: RoutingKey, part: Part | undefined, sessions?: string): Promise<void> | undefined;
  explainEmpty(usable: boolean): FairleadError;
}

/** The calls of a subset: by the rules of its service, on its own endpoints. */
export class SubsetCalls implements CallHost {
  readonly #service: SubsetCallHost;
  readonly #view: View;
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;

  constructor(service: SubsetCallHost, view: View) {
    this.#service = service;
    this.#view = view;
    this.name = service.name;
    this.clock = service.clock;
    this.random = service.random;
  }

  get service(): SubsetCallHost {
    return this.#service;
  }

  get closed(): boolean {
    return this.#service.closed;
  }

  get stopping(): AbortSignal {
    return this.#service.stopping;
  }

  get unlisted(): boolean {
    return this.#service.unlisted;
  }

  get options(): CallHost['options'] {
    return this.#service.options;
  }

  get rotation(): readonly Endpoint[] {
    return this.#view.rotation.ready;
  }

  get plan(): ServicePlan {
    return this.#service.plan;
  }

  get guard(): Guard | undefined {
    return this.#service.guard;
  }

  get router(): Router | undefined {
    return this.#service.router;
  }

  tryAcquire(request: AcquireRequest): Lease | undefined {
    return this.#service.tryAcquire(request, this.#view);
  }

  /** Of the service: where that has endpoints and the subset none, nothing is waited for. */
  ready(signal: AbortSignal): Promise<void> {
    return this.#service.ready(signal, true);
  }

  explainUnready(): FairleadError {
    return this.#service.explainEmpty(true);
  }

  prepare(key: RoutingKey, part: Part | undefined): Promise<void> | undefined {
    return this.#service.prepare(key, part, this.#view.sessions);
  }
}
