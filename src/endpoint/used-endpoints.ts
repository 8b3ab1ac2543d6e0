import type { Clock } from '../runtime/clock.js';
import type { Random } from '../runtime/random.js';
import { isSame } from '../runtime/same.js';
import type { LiveEndpoint } from './live-endpoint.js';
import { Aperture, type ApertureSettings } from './rotation/aperture.js';
import { SlowStart, type SlowStartSettings } from './rotation/slow-start.js';
import type { ZoneSettings } from './rotation/zone.js';

export interface ReachOptions {
  readonly aperture: ApertureSettings | undefined;
  readonly slowStart: SlowStartSettings | undefined;
  readonly zone: ZoneSettings | undefined;
}

export interface ReachHost {
  /** The weight of an endpoint changed: compute the rotations anew. */
  changed(): void;
}

const NONE: readonly LiveEndpoint[] = [];

type Apertures = Map<string, { readonly aperture: Aperture; readonly members: readonly LiveEndpoint[] }>;

/**
 * Which members this client uses, and with what weight: what is the same for all views of a
 * service. An aperture is chosen within each priority, and within each zone where calls go by zone,
 * so that there is something to fail over to.
 */
export class UsedEndpoints {
  #options: ReachOptions;
  readonly #clock: Clock;
  readonly #host: ReachHost;
  /**
   * Of the identity where the options give none, the same for as long as the process lives: drawn
   * at once, and put together where there is an aperture.
   */
  readonly #ownFirst: number;
  readonly #ownSecond: number;
  /** Undefined while there is no aperture. */
  #apertures: Apertures | undefined;
  #slowStart: SlowStart | undefined;
  /** The membership that the parts were made from. */
  #all: readonly LiveEndpoint[] = NONE;
  #members: readonly LiveEndpoint[] = NONE;

  constructor(clock: Clock, random: Random, options: ReachOptions, host: ReachHost) {
    this.#options = options;
    this.#clock = clock;
    this.#host = host;
    this.#ownFirst = random.below(2 ** 30);
    this.#ownSecond = random.below(2 ** 30);
    if (options.slowStart !== undefined) this.#slowStart = this.#startSlowly(options.slowStart);
  }

  /** Other options; endpoints that are warming up go on by them. `update` is to follow. */
  reconfigure(options: ReachOptions): void {
    const before = this.#options;
    this.#options = options;
    const { slowStart } = options;
    if (slowStart === undefined) this.#slowStart?.end();
    else if (this.#slowStart !== undefined) this.#slowStart.reconfigure(slowStart);
    if (slowStart === undefined) this.#slowStart = undefined;
    else this.#slowStart ??= this.#startSlowly(slowStart);
    if (isSame(before.aperture, options.aperture) && isSame(before.zone, options.zone)) return;
    for (const { members } of this.#apertures?.values() ?? []) {
      for (const endpoint of members) endpoint.arcShare = 1;
      for (const endpoint of members) endpoint.updateWeight();
    }
    this.#apertures = undefined;
    this.#all = NONE;
  }

  get members(): readonly LiveEndpoint[] {
    return this.#members;
  }

  /** The membership, the health or the spec of an endpoint changed. */
  update(all: readonly LiveEndpoint[], respecified = false): void {
    if (this.#options.aperture === undefined) {
      this.#members = all;
      return;
    }
    if (this.#apertures === undefined || all !== this.#all || respecified)
      this.#apertures = this.#divide(all, this.#options.aperture);
    const chosen = new Set<LiveEndpoint>();
    for (const { aperture, members } of this.#apertures.values()) {
      for (const endpoint of aperture.choose(members)) chosen.add(endpoint);
    }
    for (const endpoint of all) endpoint.updateWeight();
    // The same list while nothing changed, so that a comparison shows it.
    if (chosen.size === this.#members.length && this.#members.every((endpoint) => chosen.has(endpoint))) return;
    this.#members = all.filter((endpoint) => chosen.has(endpoint));
  }

  /** It arrived, or is back: slow start begins, where there is one. */
  warmUp(endpoint: LiveEndpoint): void {
    this.#slowStart?.begin(endpoint);
  }

  forget(endpoint: LiveEndpoint): void {
    this.#slowStart?.forget(endpoint);
  }

  close(): void {
    this.#slowStart?.close();
  }

  #startSlowly(settings: SlowStartSettings): SlowStart {
    return new SlowStart(this.#clock, settings, () => this.#host.changed());
  }

  #divide(all: readonly LiveEndpoint[], options: ApertureSettings): Apertures {
    const parts = new Map<string, LiveEndpoint[]>();
    for (const endpoint of all) {
      const { priority, zone } = endpoint.spec;
      const key = this.#options.zone === undefined ? String(priority) : `${priority}/${zone}`;
      const part = parts.get(key);
      if (part === undefined) parts.set(key, [endpoint]);
      else part.push(endpoint);
    }
    this.#all = all;
    const identity = options.identity ?? `${this.#ownFirst}-${this.#ownSecond}`;
    const apertures: Apertures = new Map();
    for (const [key, members] of parts) {
      const aperture = this.#apertures?.get(key)?.aperture ?? new Aperture(options, identity);
      apertures.set(key, { aperture, members });
    }
    return apertures;
  }
}
