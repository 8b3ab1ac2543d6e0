import type { Endpoint } from '../endpoint/endpoint.js';
import type { Part, RouteRequest, Router } from '../picking/router.js';
import type { Random } from '../runtime/random.js';
import type { LiveService } from '../service/service.js';
import { Lanes } from './lanes/lanes.js';
import type { RoutingSettings } from './options.js';
import { Shadow } from './shadow/shadow.js';
import { SpillPart } from './split/arm-part.js';
import { Split } from './split/split.js';

/** A call's lane decides, where an endpoint is in it; else the split; else the baseline. */
export class ServiceRouter implements Router {
  readonly settings: RoutingSettings;
  readonly lanes: Lanes | undefined;
  readonly split: Split | undefined;
  readonly mirror: Shadow | undefined;
  /** For calls of a lane that must not fall back. */
  readonly #nowhere = new SpillPart('(nowhere)', () => false, undefined);
  readonly #baseline: SpillPart;
  #owned: ReadonlySet<Part> = new Set();

  /** `previous`: the router that this one replaces; what means the same goes on as the same. */
  constructor(settings: RoutingSettings, service: LiveService, previous?: ServiceRouter) {
    this.settings = settings;
    if (settings.lanes !== undefined) {
      this.lanes = previous?.lanes?.as(settings.lanes) ?? new Lanes(settings.lanes);
      this.lanes.otherwise = (request, dry) => this.#unlaned(request, dry);
    }
    const within = this.lanes?.isBaseline ?? (() => true);
    this.split = settings.split && new Split(settings.split, within, service.random, previous?.split);
    const arm = settings.shadow && this.split?.arms.get(settings.shadow.arm);
    this.mirror = settings.shadow && arm && new Shadow(service, settings.shadow, arm, previous?.mirror);
    this.#baseline = previous === undefined ? new SpillPart('(baseline)', within, undefined) : previous.#baseline;
    this.#baseline.selects = within;
  }

  /** The endpoints are these now. */
  update(endpoints: readonly Endpoint[]): void {
    this.lanes?.update(endpoints);
    this.#owned = new Set([this.#nowhere, this.#baseline, ...(this.split?.parts ?? []), ...(this.lanes?.parts ?? [])]);
  }

  route(request: RouteRequest | undefined, dry?: Random): Part {
    const { lanes } = this;
    const lane = lanes?.of(request);
    if (lanes !== undefined && lane !== undefined) {
      const part = lanes.part(lane);
      if (part !== undefined) return part;
      if (!lanes.settings.fallback) return this.#nowhere;
    }
    return this.#unlaned(request, dry);
  }

  isOpen(endpoint: Endpoint): boolean {
    return this.#baseline.has(endpoint);
  }

  owns(part: Part): boolean {
    return this.#owned.has(part);
  }

  carried(request: RouteRequest | undefined): readonly [name: string, value: string] | undefined {
    const lane = this.lanes?.of(request);
    return lane === undefined ? undefined : [this.lanes!.settings.header, lane];
  }

  #unlaned(request: RouteRequest | undefined, dry?: Random): Part {
    return this.split?.choose(request, dry) ?? this.#baseline;
  }
}
