import type { Weighing } from '../balancing/policy.js';
import type { PolicySpec } from '../balancing/registry.js';
import type { Endpoint } from '../endpoint/endpoint.js';
import type { AcquireRequest, Lease } from '../picking/lease.js';
import type { View } from '../picking/view.js';
import { FairleadError } from '../runtime/errors.js';
import { callback, invalidOption, readOptions, unchecked } from '../runtime/options.js';

export interface SubsetOptions {
  /**
   * Which endpoints belong to it. Asked for every member on every refresh, never per call. One that
   * throws counts as no.
   */
  readonly usable: (endpoint: Endpoint) => boolean;
  /** Default: the service's. */
  readonly policy?: PolicySpec;
  /**
   * For metrics: told whenever `weighted_round_robin` has weighed the usable endpoints by what they
   * report. Called while calls end: it must be quick. What it throws is lost.
   */
  readonly onWeighing?: (weighing: Weighing) => void;
}

/**
 * A live view of a service: some of its endpoints, a picker of its own, the same counters and
 * health.
 */
export interface Subset extends Disposable {
  /** The endpoints that may be picked now. */
  readonly rotation: readonly Endpoint[];
  /** As `Service.acquire`, among the usable ones. */
  acquire(request?: AcquireRequest): Lease;
  /** What makes an endpoint usable changed. Costs O(members). */
  refresh(): void;
  close(): void;
}

/** What a subset needs of its service. */
interface SubsetHost {
  readonly name: string;
  openView(
    policy: PolicySpec | undefined,
    usable: (endpoint: Endpoint) => boolean,
    weighed: SubsetOptions['onWeighing'],
  ): View;
  acquireFrom(view: View, request: AcquireRequest | undefined): Lease;
  closeView(view: View): void;
}

type SubsetSettings = { [Key in keyof Required<SubsetOptions>]: SubsetOptions[Key] };

export class LiveSubset implements Subset {
  readonly #service: SubsetHost;
  readonly #view: View;
  #closed = false;

  constructor(service: SubsetHost, options: SubsetOptions) {
    const read = readOptions<SubsetSettings>('subset', options, {
      usable: (value, name) => {
        if (typeof value === 'function') return value as SubsetOptions['usable'];
        throw invalidOption(name, value, 'a function');
      },
      policy: unchecked<PolicySpec>(),
      onWeighing: callback<NonNullable<SubsetOptions['onWeighing']>>(),
    });
    this.#service = service;
    const { policy, usable, onWeighing } = read;
    this.#view = service.openView(
      policy,
      (endpoint) => {
        try {
          return usable(endpoint);
        } catch {
          return false;
        }
      },
      onWeighing &&
        ((weighing) => {
          try {
            onWeighing(weighing);
          } catch {
            // Metrics that fail stop no call.
          }
        }),
    );
  }

  get rotation(): readonly Endpoint[] {
    return this.#view.rotation.ready;
  }

  acquire(request?: AcquireRequest): Lease {
    if (this.#closed) {
      const { name } = this.#service;
      throw new FairleadError('FAIRLEAD_CLOSED', `This subset of service '${name}' is closed.`, { service: name });
    }
    return this.#service.acquireFrom(this.#view, request);
  }

  refresh(): void {
    this.#view.refresh();
  }

  close(): void {
    this.#closed = true;
    this.#view.close();
    this.#service.closeView(this.#view);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
