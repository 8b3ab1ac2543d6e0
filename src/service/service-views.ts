import { OddityBook } from '../balancing/oddities.js';
import type { Policy } from '../balancing/policy.js';
import type { PolicyRegistry } from '../balancing/registry.js';
import type { PolicySpec } from '../balancing/spec.js';
import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { AcquireRequest, LeaseHost } from '../picking/lease.js';
import { type PartView, PartViews } from '../picking/part-views.js';
import type { Part, Router } from '../picking/router.js';
import { View } from '../picking/view.js';
import type { ViewHost, ViewOptions } from '../picking/view-host.js';
import { Views, type ViewsHost } from '../picking/view-set.js';
import type { Random } from '../runtime/random.js';

type ServiceViewsHost = ViewHost & ViewsHost & { readonly latestLatencyMs: number };

/** What a view is asked for by: its policy is to be found yet. */
export type ViewSpec = Omit<ViewOptions, 'policy'> & { readonly policy: PolicySpec };

/** Whose sessions the calls of a part of a view are. */
export function sessionsOf(ofView: string, part: Part | undefined): string {
  if (part === undefined) return ofView;
  return ofView === '' ? part.name : `${ofView}/${part.name}`;
}

/** The views of one service: its own, those of its subsets, and those of the parts of each. */
export class ServiceViews extends Views {
  readonly #host: ServiceViewsHost;
  readonly #registry: PolicyRegistry;
  /** What the policies did that is odd, over all views that there were. */
  readonly oddities: OddityBook = new OddityBook();
  /** Undefined while calls are not routed. */
  #parts: PartViews | undefined;

  constructor(host: ServiceViewsHost, registry: PolicyRegistry, timed: boolean) {
    super(host, timed);
    this.#host = host;
    this.#registry = registry;
  }

  resolve(spec: PolicySpec): Policy {
    return this.#registry.resolve(spec, `service '${this.#host.name}'.policy`);
  }

  /** Makes a view, and turns on what its policy needs. */
  open(spec: ViewSpec): View {
    const policy = this.resolve(spec.policy);
    this.admit(policy);
    return this.#open({ ...spec, policy });
  }

  #open(options: ViewOptions): View {
    const view = new View(this.#host, options, this.oddities);
    this.add(view);
    return view;
  }

  override refresh(): void {
    super.refresh();
    this.#host.built();
  }

  refreshOne(view: View): void {
    view.refresh();
    this.#parts?.refresh(view);
  }

  override delete(view: View): void {
    super.delete(view);
    this.#parts?.forget(view);
  }

  /** Where a call of this view picks. Hot path. */
  sourceOf(view: View, request: AcquireRequest | undefined): View {
    const parts = this.#parts;
    return parts === undefined ? view : parts.of(view, request?.part ?? parts.router.route(request), request);
  }

  /** As `sourceOf`, and which part that is and was to be; draws from `dry`, and counts nothing. */
  preview(view: View, request: AcquireRequest, dry: Random): PartView & { readonly wanted: Part | undefined } {
    const parts = this.#parts;
    if (parts === undefined) return { view, part: undefined, wanted: undefined };
    const wanted = request.part ?? parts.router.route(request, dry);
    return { ...parts.preview(view, wanted, request, dry), wanted };
  }

  /** A part of the view, where something of it is well. */
  partOf(view: View, part: Part): View | undefined {
    const own = this.#parts?.viewOf(view, part);
    return own?.servable ? own : undefined;
  }

  get router(): Router | undefined {
    return this.#parts?.router;
  }

  /**
   * From now on calls are routed by this one, and timed; parts that both know go on. Also where the
   * parts of the same router changed. Undefined: no longer routed.
   */
  useRouter(router: Router | undefined): void {
    if (router === undefined) {
      this.#parts?.close();
      this.#parts = undefined;
      return;
    }
    this.measure();
    if (this.#parts === undefined) this.#parts = new PartViews(this.#partsHost(), router);
    else this.#parts.use(router);
  }

  #partsHost(): ConstructorParameters<typeof PartViews>[0] {
    const host = this.#host;
    return {
      get latestLatencyMs() {
        return host.latestLatencyMs;
      },
      finish: (lease, endpoint, startTick, outcome, hadMs) => host.finish(lease, endpoint, startTick, outcome, hadMs),
      openPart: (view, part, owner) => this.#openPart(view, part, owner),
      closeView: (view) => this.delete(view),
    };
  }

  #openPart(view: View, part: Part, owner: LeaseHost<LiveEndpoint>): View {
    const { usable, weighed } = view.options;
    return this.#open({
      policy: view.policy,
      goesByService: view.goesByService,
      usable: (endpoint) => part.has(endpoint) && (usable === undefined || usable(endpoint)),
      weighed,
      sessions: sessionsOf(view.sessions, part),
      owner,
    });
  }
}
