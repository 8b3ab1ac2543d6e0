import { unnamedSessions } from '../affinity/sticky-sessions.js';
import type { Weighing } from '../balancing/policy.js';
import type { PolicySpec } from '../balancing/spec.js';
import { runCall } from '../call/call.js';
import type { Run } from '../call/host.js';
import type { CallOptions, FallbackOption } from '../call/options.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import { checkExplained, checkRequest } from '../picking/check-request.js';
import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { View } from '../picking/view.js';
import type { RoutingKey } from '../runtime/context.js';
import { FairleadError } from '../runtime/errors.js';
import { callback, invalidOption, readOptions, text, unchecked } from '../runtime/options.js';
import type { Explanation } from './explanation.js';
import type { ServiceViews } from './service-views.js';
import { type SubsetCallHost, SubsetCalls } from './subset-calls.js';

export interface SubsetOptions {
  /**
   * Which endpoints belong to it. Asked for every member on every refresh, never per call. One that
   * throws counts as no.
   */
  readonly usable: (endpoint: Endpoint) => boolean;
  /** Default: the service's. */
  readonly policy?: PolicySpec;
  /**
   * Whose sessions its calls are, where the service has affinity. Default: its own, so that subsets
   * which cannot use each other's endpoints do not move each other's sessions; with a shared store,
   * those stay in this process. `'service'`: the service's, for a view by what comes and goes, such
   * as connections. Any other text: those of that name, in every process that shares the store.
   */
  readonly sessions?: 'service' | (string & {});
  /**
   * For metrics: called whenever `weighted_round_robin` has weighed the usable endpoints by what
   * they report. Runs while calls end: it must be quick. What it throws is lost.
   */
  readonly onWeighing?: (weighing: Weighing) => void;
}

/**
 * A live view of a service: some of its endpoints, its own picker, the same counters and health.
 */
export interface Subset extends Disposable {
  /** The endpoints that may be picked now. */
  readonly rotation: readonly Endpoint[];
  /** As `Service.acquire`, among the usable ones. */
  acquire(request?: AcquireRequest): Lease;
  /** As `Service.explain`, among the usable ones. */
  explain(request?: AcquireRequest): Explanation;
  /**
   * As `Service.call`, among the usable ones: with the deadline, repeats, hedging and limits of the
   * service. Does not wait where the service has endpoints and none of them is usable.
   */
  call<T, F = never>(
    run: (endpoint: Endpoint, signal: AbortSignal) => Promise<T> | T,
    options?: CallOptions & FallbackOption<F>,
  ): Promise<T | F>;
  /** As `Service.unbind`, for a session of this subset. */
  unbind(key: RoutingKey): Promise<void>;
  /** What makes an endpoint usable changed. Costs O(members). */
  refresh(): void;
  close(): void;
}

/** What a subset needs of its service. */
interface SubsetHost extends SubsetCallHost {
  readonly options: SubsetCallHost['options'] & { readonly policy: PolicySpec };
  readonly views: ServiceViews;
  unbindIn(sessions: string, key: RoutingKey): Promise<void>;
  acquireFrom(view: View, request: AcquireRequest | undefined): Lease;
  explainFrom(view: View, request: AcquireRequest | undefined): Explanation;
}

type SubsetSettings = { [Key in keyof Required<SubsetOptions>]: SubsetOptions[Key] };

export class LiveSubset implements Subset {
  readonly #service: SubsetHost;
  /** For what picks past the calls of the subset. */
  readonly view: View;
  /** Made by the first call. */
  #calls: SubsetCalls | undefined;
  #closed = false;

  constructor(service: SubsetHost, options: SubsetOptions) {
    const read = readOptions<SubsetSettings>('subset', options, {
      usable: (value, name) => {
        if (typeof value === 'function') return value as SubsetOptions['usable'];
        throw invalidOption(name, value, 'a function');
      },
      policy: unchecked<PolicySpec>(),
      sessions: text(undefined),
      onWeighing: callback<NonNullable<SubsetOptions['onWeighing']>>(),
    });
    this.#service = service;
    const { policy, usable, sessions = unnamedSessions(), onWeighing } = read;
    this.view = service.views.open({
      policy: policy ?? service.options.policy,
      goesByService: policy === undefined,
      usable,
      weighed: onWeighing,
      sessions: sessions === 'service' ? '' : sessions,
    });
  }

  get rotation(): readonly Endpoint[] {
    return this.view.rotation.ready;
  }

  acquire(request?: AcquireRequest): Lease {
    if (this.#closed) throw this.#closedError();
    if (request !== undefined) checkRequest(request);
    return this.#service.acquireFrom(this.view, request);
  }

  explain(request?: AcquireRequest): Explanation {
    if (request !== undefined) checkExplained(request);
    return this.#service.explainFrom(this.view, request);
  }

  call<T, F = never>(run: Run<T>, options?: CallOptions): Promise<T | F> {
    if (this.#closed) return Promise.reject(this.#closedError());
    this.#calls ??= new SubsetCalls(this.#service, this.view);
    return runCall<T | F>(this.#calls, run, options);
  }

  unbind(key: RoutingKey): Promise<void> {
    return this.#service.unbindIn(this.view.sessions, key);
  }

  #closedError(): FairleadError {
    const { name } = this.#service;
    return new FairleadError('FAIRLEAD_CLOSED', `This subset of service '${name}' is closed.`, { service: name });
  }

  refresh(): void {
    this.#service.views.refreshOne(this.view);
  }

  close(): void {
    this.#closed = true;
    this.view.close();
    this.#service.views.delete(this.view);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
