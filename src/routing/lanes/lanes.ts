import type { Endpoint } from '../../endpoint/endpoint.js';
import type { Part, RouteRequest } from '../../picking/router.js';
import type { Random } from '../../runtime/random.js';
import { currentLane, isLane, laneOf } from './lane-context.js';
import type { LaneSettings } from './options.js';

/** A client that makes lanes up must not make us remember them: those of endpoints are all. */
const MAX_LANES = 10_000;

/** The lanes of one service: those that its endpoints name. */
export class Lanes {
  settings: LaneSettings;
  /** Where a call goes whose lane has no endpoint that is well. */
  otherwise: (request: RouteRequest | undefined, dry?: Random) => Part | undefined = () => undefined;
  #parts = new Map<string, LanePart>();

  constructor(settings: LaneSettings) {
    this.settings = settings;
  }

  /** Itself by other settings, where the lanes are the same: their counts go on. */
  as(settings: LaneSettings): Lanes | undefined {
    if (settings.label !== this.settings.label) return undefined;
    this.settings = settings;
    return this;
  }

  /** Whether an endpoint is in no lane. */
  readonly isBaseline = (endpoint: Endpoint): boolean => this.#laneOf(endpoint) === undefined;

  get parts(): Iterable<Part> {
    return this.#parts.values();
  }

  /** How many calls met a lane without an endpoint, of those lanes that there are. */
  get status(): Readonly<Record<string, { readonly calls: number; readonly spilled: number }>> {
    return Object.fromEntries([...this.#parts].map(([lane, { calls, spilled }]) => [lane, { calls, spilled }]));
  }

  /** The endpoints are these now. Parts of lanes that go on stay the same. */
  update(endpoints: readonly Endpoint[]): void {
    const parts = new Map<string, LanePart>();
    for (const endpoint of endpoints) {
      const lane = this.#laneOf(endpoint);
      if (lane === undefined || parts.has(lane) || parts.size >= MAX_LANES) continue;
      parts.set(lane, this.#parts.get(lane) ?? this.#create(lane));
    }
    this.#parts = parts;
  }

  /** The lane that a call is of: what it says itself, else where it is made. */
  of(request: RouteRequest | undefined): string | undefined {
    const labels = request?.labels;
    return (labels === undefined ? undefined : laneOf(labels, this.settings.header)) ?? currentLane();
  }

  /** Undefined for a lane that no endpoint is in. */
  part(lane: string): Part | undefined {
    return this.#parts.get(lane);
  }

  #laneOf({ spec }: Endpoint): string | undefined {
    const { label } = this.settings;
    const lane = Object.hasOwn(spec.meta, label) ? spec.meta[label] : undefined;
    return isLane(lane) ? lane : undefined;
  }

  #create(lane: string): LanePart {
    const has = (endpoint: Endpoint): boolean => this.#laneOf(endpoint) === lane;
    return new LanePart(lane, has, (request, dry) =>
      this.settings.fallback ? this.otherwise(request, dry) : undefined,
    );
  }
}

class LanePart implements Part {
  readonly name: string;
  readonly has: (endpoint: Endpoint) => boolean;
  readonly #otherwise: Lanes['otherwise'];
  calls = 0;
  spilled = 0;

  constructor(lane: string, has: (endpoint: Endpoint) => boolean, otherwise: Lanes['otherwise']) {
    this.name = `lane/${lane}`;
    this.has = has;
    this.#otherwise = otherwise;
  }

  spill(request: RouteRequest | undefined, dry?: Random): Part | undefined {
    const next = this.#otherwise(request, dry);
    if (dry === undefined && next !== undefined) this.spilled++;
    return next;
  }

  ended(): void {
    this.calls++;
  }
}
