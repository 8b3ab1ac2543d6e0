import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { serves } from '../endpoint/rotation/rotation.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Random } from '../runtime/random.js';
import type { AcquireRequest, LeaseHost } from './lease.js';
import type { Part, Router } from './router.js';
import type { View } from './view.js';

/** What the views of parts need of their service. */
export interface PartsHost extends LeaseHost<LiveEndpoint> {
  /** Of the call that ended last; NaN where it was not measured. */
  readonly latestLatencyMs: number;
  /** A view over what both allow, with the policy of the first. */
  openPart(view: View, part: Part, owner: LeaseHost<LiveEndpoint>): View;
  closeView(view: View): void;
}

/** Where a call picks. */
export interface PartView {
  readonly view: View;
  /** Undefined: anywhere. */
  readonly part: Part | undefined;
}

/**
 * The views of a service's parts, for each view of the service: an arm of a split within the
 * endpoints that a gRPC channel is connected to, say. Made when a call first needs one.
 */
export class PartViews {
  readonly #host: PartsHost;
  #router: Router;
  readonly #views = new Map<View, Map<Part, View>>();

  constructor(host: PartsHost, router: Router) {
    this.#host = host;
    this.#router = router;
  }

  get router(): Router {
    return this.#router;
  }

  /** The view that a call is to pick from. Hot path. */
  of(view: View, part: Part | undefined, request: AcquireRequest | undefined): View {
    let held = part;
    // An arm spills to the baseline, and that to anywhere; a lane to an arm first.
    for (let turn = 0; held !== undefined && turn < MAX_SPILLS; turn++) {
      const own = this.viewOf(view, held);
      if (own?.servable && !isUsedUp(own, request)) return own;
      const next = own === undefined ? this.#router.route(request) : held.spill(request);
      // The last resort of the part itself: what is not well may answer, and what is not is told.
      if (next === undefined && own !== undefined) return own;
      held = next;
    }
    return view;
  }

  /** As `of`, and which part that is; counts nothing. */
  preview(view: View, part: Part | undefined, request: AcquireRequest | undefined, dry: Random): PartView {
    let held = part;
    for (let turn = 0; held !== undefined && turn < MAX_SPILLS; turn++) {
      const own = this.viewOf(view, held);
      if (own?.servable && !isUsedUp(own, request)) return { view: own, part: held };
      const next = own === undefined ? this.#router.route(request, dry) : held.spill(request, dry);
      if (next === undefined && own !== undefined) return { view: own, part: held };
      held = next;
    }
    return { view, part: undefined };
  }

  /** The part of the view itself, well or not; undefined where it is no part any longer. */
  viewOf(view: View, part: Part): View | undefined {
    return this.#views.get(view)?.get(part) ?? this.#open(view, part);
  }

  /** What the view is about changed. */
  refresh(view: View): void {
    const parts = this.#views.get(view);
    if (parts !== undefined) for (const each of parts.values()) each.refresh();
  }

  /** The view is closed: those of its parts are too. */
  forget(view: View): void {
    const parts = this.#views.get(view);
    if (parts === undefined) return;
    this.#views.delete(view);
    for (const each of parts.values()) this.#close(each);
  }

  /** Another router, or new parts of the same: what is no part any longer goes. */
  use(router: Router): void {
    this.#router = router;
    for (const parts of this.#views.values()) {
      for (const [part, view] of parts) {
        if (this.#router.owns(part)) continue;
        parts.delete(part);
        this.#close(view);
      }
    }
  }

  close(): void {
    for (const view of [...this.#views.keys()]) this.forget(view);
  }

  /** Undefined for a part of a call that began before the router forgot it. */
  #open(view: View, part: Part): View | undefined {
    if (!this.#router.owns(part)) return undefined;
    const opened = this.#host.openPart(view, part, new PartOwner(this.#host, part));
    let parts = this.#views.get(view);
    if (parts === undefined) {
      parts = new Map();
      this.#views.set(view, parts);
    }
    parts.set(part, opened);
    return opened;
  }

  #close(view: View): void {
    view.close();
    this.#host.closeView(view);
  }
}

const MAX_SPILLS = 4;

/**
 * This call has tried all of it that may be picked: its repeat goes where a part of which nothing
 * is well sends its calls, or each call of an arm with one endpoint would fail until that is
 * ejected. What failed is counted for the part. Not a hedge: that would hide a slow version.
 */
function isUsedUp(view: View, request: AcquireRequest | undefined): boolean {
  const tried = request?.tried;
  if (tried === undefined || tried.length === 0 || request?.beside === true) return false;
  return view.members.every((member) => !serves(member) || tried.includes(member));
}

/** Whom the leases of a part tell of their end: no lease is larger for it. */
class PartOwner implements LeaseHost<LiveEndpoint> {
  readonly #host: PartsHost;
  readonly #part: Part;

  constructor(host: PartsHost, part: Part) {
    this.#host = host;
    this.#part = part;
  }

  finish(
    lease: object,
    endpoint: LiveEndpoint,
    startTick: number,
    outcome: Outcome,
    hadMs: number | undefined,
  ): Outcome {
    const counted = this.#host.finish(lease, endpoint, startTick, outcome, hadMs);
    this.#part.ended(endpoint, counted, this.#host.latestLatencyMs);
    return counted;
  }
}
