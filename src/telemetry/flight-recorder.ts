import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import { hash32, hashBytes32 } from '../runtime/hash.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Flight, FlightEndpoint, FlightLog } from './flight.js';

export interface RecorderSettings {
  /** Decisions kept: a power of two. */
  readonly size: number;
  /** One decision in this many is kept. */
  readonly every: number;
}

/** What decided about an endpoint. */
export const DecidedBy = { policy: 0, prefer: 1, session: 2, probe: 3 } as const;
export type DecidedBy = (typeof DecidedBy)[keyof typeof DecidedBy];

/** The end of a call is looked for among so many of its endpoint's decisions, latest first. */
const MAX_LOOK_BACK = 256;
const UNKNOWN = -1;

/** One array for each column: 46 bytes a decision. */
class Columns {
  readonly atMs: Float64Array;
  readonly tick: Int32Array;
  readonly endpoint: Int32Array;
  /** The number of the decision before on the same endpoint; 0 for none. */
  readonly before: Int32Array;
  readonly micros: Int32Array;
  readonly inflight: Int32Array;
  readonly ready: Int32Array;
  readonly ewmaMs: Float32Array;
  readonly weight: Float32Array;
  readonly key: Uint32Array;
  readonly by: Uint8Array;
  readonly outcome: Int8Array;

  constructor(size: number) {
    this.atMs = new Float64Array(size);
    this.tick = new Int32Array(size);
    this.endpoint = new Int32Array(size);
    this.before = new Int32Array(size);
    this.micros = new Int32Array(size);
    this.inflight = new Int32Array(size);
    this.ready = new Int32Array(size);
    this.ewmaMs = new Float32Array(size);
    this.weight = new Float32Array(size);
    this.key = new Uint32Array(size);
    this.by = new Uint8Array(size);
    this.outcome = new Int8Array(size);
  }

  copy(): Columns {
    const copy = new Columns(0) as { -readonly [Name in keyof Columns]: Columns[Name] };
    for (const name of Object.keys(this) as (keyof Omit<Columns, 'copy'>)[]) copy[name] = this[name].slice() as never;
    return copy;
  }
}

/**
 * The last decisions of one service, in a ring of typed arrays: where calls went, why, what was
 * known of the endpoint then, and how they ended. A decision and its end cost some 60 ns and
 * allocate nothing; a call with a key costs the hash of the key besides.
 *
 * A lease carries nothing for it: an end is matched with a decision by its endpoint and the moment
 * of its beginning, of which two calls of the same microsecond are as good as each other.
 */
export class FlightRecorder implements FlightLog {
  readonly settings: RecorderSettings;
  /** When the decision to come is made: a number that is passed on by itself would be boxed. */
  readonly atMs: Float64Array = new Float64Array(1);
  readonly #service: string;
  readonly #policy: () => string;
  readonly #clock: Clock;
  readonly #salt: number;
  readonly #columns: Columns;
  /** Decisions so far, modulo 2³⁰, so that it stays a small integer. They are numbered from 1. */
  #made = 0;
  readonly #mask: number;
  #full = false;
  #skipped = 0;
  /** The endpoints that decisions are of, by their numbers here. */
  #endpoints: LiveEndpoint[] = [];
  /** By ordinal: the number of the endpoint, and that of its latest decision; both from 1. */
  #numbers: Int32Array = new Int32Array(64);
  #latest: Int32Array = new Int32Array(64);
  readonly #frozen: Frozen[] = [];

  constructor(service: string, policy: () => string, clock: Clock, salt: number, settings: RecorderSettings) {
    this.settings = settings;
    this.#service = service;
    this.#policy = policy;
    this.#clock = clock;
    this.#salt = salt;
    this.#columns = new Columns(settings.size);
    this.#mask = settings.size - 1;
  }

  /** A call was given to an endpoint, at `atMs`. Hot path. */
  decided(endpoint: LiveEndpoint, tick: number, by: DecidedBy, key: RoutingKey | undefined, ready: number): void {
    if (++this.#skipped < this.settings.every) return;
    this.#skipped = 0;
    const columns = this.#columns;
    const made = this.#made;
    const at = made & this.#mask;
    const { ordinal } = endpoint;
    let number = ordinal < this.#numbers.length ? this.#numbers[ordinal]! : 0;
    if (number === 0 || this.#endpoints[number - 1] !== endpoint) number = this.#enter(endpoint);
    columns.atMs[at] = this.atMs[0]!;
    columns.tick[at] = tick;
    columns.endpoint[at] = number - 1;
    columns.before[at] = this.#latest[ordinal]!;
    columns.micros[at] = UNKNOWN;
    columns.outcome[at] = UNKNOWN;
    columns.inflight[at] = endpoint.inflight;
    columns.ready[at] = ready;
    columns.ewmaMs[at] = endpoint.latencyMs;
    columns.weight[at] = endpoint.weight;
    columns.key[at] =
      key === undefined ? 0 : typeof key === 'string' ? hash32(key, this.#salt) : hashBytes32(key, this.#salt);
    columns.by[at] = by;
    this.#latest[ordinal] = made + 1;
    if (at === this.#mask) this.#full = true;
    this.#made = (made + 1) & WRAP;
  }

  /** A call that was begun at `tick` ended. Hot path. */
  ended(endpoint: LiveEndpoint, tick: number, outcome: Outcome, micros: number): void {
    const { size } = this.settings;
    const { tick: ticks, outcome: outcomes, before, micros: durations } = this.#columns;
    const { ordinal } = endpoint;
    if (ordinal >= this.#latest.length || this.#endpoints[this.#numbers[ordinal]! - 1] !== endpoint) return;
    let decision = this.#latest[ordinal]!;
    for (let look = 0; look < MAX_LOOK_BACK && decision > 0 && ((this.#made - decision) & WRAP) < size; look++) {
      const at = (decision - 1) & this.#mask;
      if (ticks[at] === tick && outcomes[at] === UNKNOWN) {
        outcomes[at] = outcome;
        durations[at] = micros;
        return;
      }
      decision = before[at]!;
    }
  }

  /** What it holds now. */
  read(): Flight {
    return this.#freeze(null).flight;
  }

  /** The latest that were kept, oldest first: at most four. */
  get frozen(): readonly Flight[] {
    return this.#frozen.map(({ flight }) => flight);
  }

  /** Keeps a copy of what it holds now; goes on itself. Costs the copying of its arrays. */
  freeze(reason: string): void {
    this.#frozen.push(this.#freeze(reason));
    if (this.#frozen.length > MAX_FROZEN) this.#frozen.shift();
  }

  #freeze(reason: string | null): Frozen {
    return new Frozen({
      service: this.#service,
      policy: this.#policy(),
      every: this.settings.every,
      reason,
      columns: this.#columns.copy(),
      made: this.#made,
      count: this.#full ? this.settings.size : this.#made,
      endpoints: this.#endpoints.map(({ spec: { id, weight, zone, priority } }) => ({ id, weight, zone, priority })),
      // Of the clock's time to the calendar's.
      offsetMs: this.#clock.wallMs() - this.#clock.now(),
    });
  }

  /** One that has no number yet, or whose ordinal another had. */
  #enter(endpoint: LiveEndpoint): number {
    const { ordinal } = endpoint;
    if (this.#endpoints.length >= MAX_ENDPOINTS) this.#forgetOld();
    if (ordinal >= this.#numbers.length) {
      const grow = (array: Int32Array): Int32Array => {
        const grown = new Int32Array(Math.max(array.length * 2, ordinal + 1));
        grown.set(array);
        return grown;
      };
      this.#numbers = grow(this.#numbers);
      this.#latest = grow(this.#latest);
    }
    const known = this.#endpoints.indexOf(endpoint);
    const number = known === -1 ? this.#endpoints.push(endpoint) : known + 1;
    this.#numbers[ordinal] = number;
    this.#latest[ordinal] = 0;
    return number;
  }

  /** Endpoints came and went by the thousands: those that no decision names any more go. */
  #forgetOld(): void {
    const { endpoint } = this.#columns;
    const count = this.#full ? this.settings.size : this.#made;
    const kept = new Map<LiveEndpoint, number>();
    for (let at = 0; at < count; at++) {
      const named = this.#endpoints[endpoint[at]!]!;
      let index = kept.get(named);
      if (index === undefined) {
        index = kept.size;
        kept.set(named, index);
      }
      endpoint[at] = index;
    }
    this.#endpoints = [...kept.keys()];
    this.#numbers.fill(0);
    this.#latest.fill(0);
    for (const [named, index] of kept) this.#numbers[named.ordinal] = index + 1;
  }
}

const MAX_FROZEN = 4;
const MAX_ENDPOINTS = 10_000;
const WRAP = 2 ** 30 - 1;

interface FrozenParts {
  readonly service: string;
  readonly policy: string;
  readonly every: number;
  readonly reason: string | null;
  readonly columns: Columns;
  readonly made: number;
  readonly count: number;
  readonly endpoints: readonly FlightEndpoint[];
  readonly offsetMs: number;
}

/** What was copied; made plain when it is read. */
class Frozen {
  readonly #parts: FrozenParts;

  constructor(parts: FrozenParts) {
    this.#parts = parts;
  }

  get flight(): Flight {
    const { columns, made, count, offsetMs, ...about } = this.#parts;
    const { service, policy, every, reason, endpoints } = about;
    const size = columns.atMs.length;
    const places = Array.from({ length: count }, (_, i) => (made - count + i) & (size - 1));
    const column = (values: ArrayLike<number>): number[] => places.map((at) => values[at]!);
    const firstMs = count === 0 ? 0 : columns.atMs[places[0]!]!;
    return {
      version: 1,
      service,
      policy,
      every,
      reason,
      fromMs: count === 0 ? null : firstMs + offsetMs,
      endpoints,
      atMs: column(columns.atMs).map((atMs) => Math.round((atMs - firstMs) * 1_000) / 1_000),
      endpoint: column(columns.endpoint),
      by: column(columns.by),
      outcome: column(columns.outcome),
      latencyMs: column(columns.micros).map((micros) => (micros < 0 ? UNKNOWN : micros / 1_000)),
      inflight: column(columns.inflight),
      ewmaMs: column(columns.ewmaMs).map((ms) => (Number.isNaN(ms) ? UNKNOWN : Math.round(ms * 1_000) / 1_000)),
      weight: column(columns.weight).map((weight) => Math.fround(weight)),
      ready: column(columns.ready),
      key: column(columns.key),
    };
  }
}
