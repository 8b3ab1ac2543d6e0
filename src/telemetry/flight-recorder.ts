import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import type { Clock } from '../runtime/clock.js';
import type { RoutingKey } from '../runtime/context.js';
import { hash32, hashBytes32 } from '../runtime/hash.js';
import type { Outcome } from '../runtime/outcome.js';
import type { Flight, FlightEndpoint, FlightLog } from './flight.js';
import { doubleOf, FlightSlots, Word, wordOf } from './flight-slots.js';

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
/** Of the word that has what decided and, shifted, the outcome. */
const DECIDED = 0xff;
const OUTCOME_SHIFT = 8;

/**
 * The last decisions of one service, in a ring of typed arrays: where calls went, why, what was
 * known of the endpoint then, and how they ended. A decision and its end cost some 37 ns and
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
  readonly #slots: FlightSlots;
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
  /** By ordinal: decisions whose end was not met yet, so that no other end looks for one. */
  #open: Int32Array = new Int32Array(64);
  readonly #frozen: Frozen[] = [];

  /** `before`: the one whose place it takes; what that has kept is evidence, and stays. */
  constructor(
    service: string,
    policy: () => string,
    clock: Clock,
    salt: number,
    settings: RecorderSettings,
    before?: FlightRecorder | undefined,
  ) {
    this.settings = settings;
    this.#service = service;
    this.#policy = policy;
    this.#clock = clock;
    this.#salt = salt;
    this.#slots = new FlightSlots(settings.size);
    this.#mask = settings.size - 1;
    if (before !== undefined) this.#frozen.push(...before.#frozen);
  }

  /** A call was given to an endpoint, at `atMs`. Hot path. */
  decided(endpoint: LiveEndpoint, tick: number, by: DecidedBy, key: RoutingKey | undefined, ready: number): void {
    if (++this.#skipped < this.settings.every) return;
    this.#skipped = 0;
    const { doubles, words, floats } = this.#slots;
    const made = this.#made;
    const slot = made & this.#mask;
    const at = wordOf(slot);
    const { ordinal } = endpoint;
    let number = ordinal < this.#numbers.length ? this.#numbers[ordinal]! : 0;
    if (number === 0 || this.#endpoints[number - 1] !== endpoint) number = this.#enter(endpoint);
    doubles[doubleOf(slot)] = this.atMs[0]!;
    words[at + Word.tick] = tick;
    words[at + Word.endpoint] = number - 1;
    words[at + Word.before] = this.#latest[ordinal]!;
    words[at + Word.micros] = UNKNOWN;
    words[at + Word.inflight] = endpoint.inflight;
    words[at + Word.ready] = ready;
    floats[at + Word.ewmaMs] = endpoint.latencyMs;
    floats[at + Word.weight] = endpoint.weight;
    words[at + Word.key] =
      key === undefined ? 0 : typeof key === 'string' ? hash32(key, this.#salt) : hashBytes32(key, this.#salt);
    words[at + Word.end] = by;
    this.#latest[ordinal] = made + 1;
    this.#open[ordinal]!++;
    if (slot === this.#mask) this.#full = true;
    this.#made = (made + 1) & WRAP;
  }

  /** A call that was begun at `tick` ended. Hot path. */
  ended(endpoint: LiveEndpoint, tick: number, outcome: Outcome, micros: number): void {
    const { ordinal } = endpoint;
    let open = ordinal < this.#open.length ? this.#open[ordinal]! : 0;
    if (open === 0 || this.#endpoints[this.#numbers[ordinal]! - 1] !== endpoint) return;
    const { size, words } = this.#slots;
    let decision = this.#latest[ordinal]!;
    for (
      let look = 0;
      open > 0 && look < MAX_LOOK_BACK && decision > 0 && ((this.#made - decision) & WRAP) < size;
      look++
    ) {
      const at = wordOf((decision - 1) & this.#mask);
      const end = words[at + Word.end]!;
      if (end <= DECIDED) {
        if (words[at + Word.tick] === tick) {
          words[at + Word.end] = end | ((outcome + 1) << OUTCOME_SHIFT);
          words[at + Word.micros] = micros;
          this.#open[ordinal]!--;
          return;
        }
        open--;
      }
      decision = words[at + Word.before]!;
    }
    // Those that were not met are overwritten or lie too far back: no end finds them.
    this.#open[ordinal]! -= open;
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
      slots: this.#slots.copy(),
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
      this.#open = grow(this.#open);
    }
    const known = this.#endpoints.indexOf(endpoint);
    const number = known === -1 ? this.#endpoints.push(endpoint) : known + 1;
    this.#numbers[ordinal] = number;
    this.#latest[ordinal] = 0;
    this.#open[ordinal] = 0;
    return number;
  }

  /** Endpoints came and went by the thousands: those that no decision names any more go. */
  #forgetOld(): void {
    const { words } = this.#slots;
    const count = this.#full ? this.settings.size : this.#made;
    const kept = new Map<LiveEndpoint, number>();
    for (let slot = 0; slot < count; slot++) {
      const at = wordOf(slot) + Word.endpoint;
      const named = this.#endpoints[words[at]!]!;
      let index = kept.get(named);
      if (index === undefined) {
        index = kept.size;
        kept.set(named, index);
      }
      words[at] = index;
    }
    this.#endpoints = [...kept.keys()];
    this.#numbers.fill(0);
    this.#latest.fill(0);
    this.#open.fill(0);
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
  readonly slots: FlightSlots;
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
    const { slots, made, count, offsetMs, ...about } = this.#parts;
    const { service, policy, every, reason, endpoints } = about;
    const { size, doubles, words, floats } = slots;
    const places = Array.from({ length: count }, (_, i) => (made - count + i) & (size - 1));
    const times = places.map((slot) => doubles[doubleOf(slot)]!);
    const column = (values: Int32Array | Float32Array, word: number): number[] =>
      places.map((slot) => values[wordOf(slot) + word]!);
    const ends = column(words, Word.end);
    const firstMs = times[0] ?? 0;
    return {
      version: 1,
      service,
      policy,
      every,
      reason,
      fromMs: count === 0 ? null : firstMs + offsetMs,
      endpoints,
      atMs: times.map((atMs) => Math.round((atMs - firstMs) * 1_000) / 1_000),
      endpoint: column(words, Word.endpoint),
      by: ends.map((end) => end & DECIDED),
      outcome: ends.map((end) => (end >> OUTCOME_SHIFT) - 1),
      latencyMs: column(words, Word.micros).map((micros) => (micros < 0 ? UNKNOWN : micros / 1_000)),
      inflight: column(words, Word.inflight),
      ewmaMs: column(floats, Word.ewmaMs).map((ms) => (Number.isNaN(ms) ? UNKNOWN : Math.round(ms * 1_000) / 1_000)),
      weight: column(floats, Word.weight),
      ready: column(words, Word.ready),
      key: column(words, Word.key).map((key) => key >>> 0),
    };
  }
}
