import type { LiveEndpoint } from '../endpoint/live-endpoint.js';
import { murmur3 } from '../hashing/murmur3.js';
import { RendezvousTable } from '../hashing/rendezvous.js';
import type { Clock } from '../runtime/clock.js';
import type { Random } from '../runtime/random.js';
import type { SessionsFullEvent } from './affinity.js';

export interface StrangersHost {
  readonly clock: Clock;
  readonly random: Random;
  sessionsFull(event: SessionsFullEvent): void;
}

/** The event is repeated while newcomers are turned away, this often at most. */
const EVENT_GAP_MS = 60_000;

/** Endpoints tried for one stranger: this many in a row are out only where nearly all are. */
const MAX_STEPS = 16;

/**
 * Sessions for which the table has no room. They get their endpoints from their keys alone
 * (rendezvous hashing over the members, by weight), so that they too keep them as long as the
 * members stay, and nothing needs to be remembered. For a TTL after the last that found no room all
 * new sessions are placed like that: a stranger that comes again cannot be distinguished from a new
 * session, and must find its endpoint where it was.
 */
export class Strangers {
  readonly #host: StrangersHost;
  readonly #ttlMs: number;
  readonly #capacity: number;
  readonly #tables = new WeakMap<readonly LiveEndpoint[], RendezvousTable>();
  /** Other in each process, so that users cannot choose their endpoints by choosing their keys. */
  #seed: number | undefined;
  #untilMs = Number.NEGATIVE_INFINITY;
  #eventAtMs = Number.NEGATIVE_INFINITY;
  #strangers = 0;

  constructor(host: StrangersHost, ttlMs: number, capacity: number) {
    this.#host = host;
    this.#ttlMs = ttlMs;
    this.#capacity = capacity;
  }

  /** Whether new sessions are placed by their keys, although there is room again. */
  get lately(): boolean {
    return this.#untilMs > Number.NEGATIVE_INFINITY && this.#host.clock.now() < this.#untilMs;
  }

  /** The best of the members that is accepted; undefined where none of the best ones is. */
  place(
    name: string,
    members: readonly LiveEndpoint[],
    accepts: (endpoint: LiveEndpoint) => boolean,
  ): LiveEndpoint | undefined {
    const table = this.#tableOf(members);
    this.#seed ??= this.#host.random.below(2 ** 30);
    const hash = murmur3(name, this.#seed);
    let cursor = table.seek(hash);
    for (let steps = 0; steps < Math.min(MAX_STEPS, members.length); steps++) {
      const endpoint = members[table.owner(cursor)];
      if (endpoint !== undefined && accepts(endpoint)) return endpoint;
      cursor = table.advance(cursor, hash);
    }
    return undefined;
  }

  /** One found no room. */
  turnedAway(): void {
    const nowMs = this.#host.clock.now();
    this.#untilMs = nowMs + this.#ttlMs;
    this.#strangers++;
    if (nowMs < this.#eventAtMs + EVENT_GAP_MS) return;
    this.#eventAtMs = nowMs;
    this.#host.sessionsFull({ capacity: this.#capacity, strangers: this.#strangers });
    this.#strangers = 0;
  }

  #tableOf(members: readonly LiveEndpoint[]): RendezvousTable {
    let table = this.#tables.get(members);
    if (table === undefined) {
      table = new RendezvousTable(
        members.map(({ spec }) => spec.id),
        members.map(({ spec }) => spec.weight),
      );
      this.#tables.set(members, table);
    }
    return table;
  }
}
