import type { Endpoint, Rotation } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';
import { murmur3 } from '../../hashing/murmur3.js';
import type { RoutingKey } from '../../runtime/context.js';
import { mix32 } from '../../runtime/hash.js';
import type { Random } from '../../runtime/random.js';
import { EndpointSlots } from '../endpoint-slots.js';
import type { Description, Picker, PickRequest, Preview } from '../policy.js';
import type { BoundedLoad } from './bounded-load.js';
import type { HashTableBuilder } from './hash-table.js';
import { type Placed, TableBuild, type TableHost } from './table-build.js';

export interface HashPickerOptions extends TableHost {
  readonly random: Random;
  readonly hash: (key: RoutingKey) => number;
  readonly table: HashTableBuilder;
  /** Keeps endpoints from being loaded above their share; undefined where only the key counts. */
  readonly bound: BoundedLoad | undefined;
}

/**
 * The picker of all policies that go by key. The key's owner takes the call; where it is ejected,
 * was tried, or is full, the next one that the table names for this key does, so that an ejection
 * moves the keys of the ejected endpoint and no others, and its return brings back just those.
 *
 * An endpoint in slow start takes that part of its keys which its weight in use is of its full
 * weight; the keys it takes are always the same and only grow in number.
 *
 * A call without a key goes where a random key would: to any endpoint, by weight.
 */
export class HashPicker implements Picker {
  readonly #options: HashPickerOptions;
  readonly #random: Random;
  readonly #hash: (key: RoutingKey) => number;
  readonly #builder: HashTableBuilder;
  readonly #build: TableBuild;
  protected readonly bound: BoundedLoad | undefined;
  #ready: readonly Endpoint[] = [];
  readonly #slots = new EndpointSlots();
  #wanted: readonly Endpoint[] = [];
  /** The same in the order of the ids. */
  #sorted: readonly Endpoint[] = [];
  /** What picks go by: that of the last table that was finished. */
  #placed: Placed = NOTHING_PLACED;
  #endpoints: readonly Endpoint[] = [];
  /** Undefined where it knows too few of those that are ready: the next one must be made. */
  #table: HashTable | undefined;
  /**
   * For each endpoint of the table, the share of its keys that it takes now, in 2^30ths: 0 out,
   * `ALL` in full.
   */
  #open: Int32Array = new Int32Array(0);

  constructor(options: HashPickerOptions) {
    this.#options = options;
    this.#random = options.random;
    this.#hash = options.hash;
    this.#builder = options.table;
    this.#build = new TableBuild(options.table, options, (placed) => this.#adopt(placed));
    this.bound = options.bound;
  }

  get building(): boolean {
    return this.#table === undefined && this.#build.pending;
  }

  update(rotation: Rotation): void {
    const { ready, members } = rotation;
    // Where few of the members are ready (a subset, a zone), walking past all others would cost
    // more than it is worth.
    const overReady = this.#builder.over === 'ready' || ready.length * MAX_MEMBERS_PER_READY < members.length;
    this.#ready = ready;
    // As far as the last table knows them, until there is another.
    const wanted = overReady ? ready : members;
    // The same array is in the same order.
    if (wanted !== this.#wanted) this.#sorted = byId(wanted);
    this.#wanted = wanted;
    if (!this.#build.want(this.#sorted)) this.#weigh();
    this.bound?.update(ready);
  }

  close(): void {
    this.#build.close();
  }

  #adopt(placed: Placed): void {
    this.#placed = placed;
    this.#endpoints = placed.endpoints;
    this.#weigh();
  }

  #weigh(): void {
    const { endpoints, built, table } = this.#placed;
    const ready = this.#ready;
    // Of a long list most are both: then no place is asked for.
    const same = endpoints === ready;
    if (!same) this.#slots.update(ready);
    const full = this.#builder.over === 'ready';
    const open = new Int32Array(endpoints.length);
    let known = 0;
    for (let at = 0; at < open.length; at++) {
      const endpoint = endpoints[at]!;
      if (!same && this.#slots.of(endpoint) === -1) continue;
      known++;
      const share = full ? ALL : openOf(endpoint);
      open[at] = share;
      // Few take a part of their keys, and mostly for a minute.
      if (share < ALL) built[at]!.salt ??= murmur3(endpoint.spec.id, 0);
    }
    this.#open = open;
    this.#table = this.#build.pending && known * 2 < ready.length ? undefined : table;
  }

  /** The table is not there yet, or of no use any longer. */
  #finish(): HashTable {
    this.#build.finish();
    return this.#table ?? this.#placed.table!;
  }

  pick(request: PickRequest): Endpoint {
    const { key, tried } = request;
    const hash = key === undefined ? this.#anyHash() : this.#hash(key);
    const table = this.#table ?? this.#finish();
    const { bound } = this;
    let first: Endpoint | undefined;
    let cursor = table.seek(hash);
    for (let step = 0; step < MAX_STEPS; step++) {
      const owner = table.owner(cursor);
      if (this.#takes(owner, hash)) {
        const endpoint = this.#endpoints[owner]!;
        first ??= endpoint;
        if ((tried === undefined || !tried.includes(endpoint)) && (bound === undefined || bound.hasRoom(endpoint))) {
          bound?.began();
          return endpoint;
        }
      }
      cursor = table.advance(cursor, hash);
    }
    return this.#scan(hash, tried, first);
  }

  /** `share` is what it takes of its keys; `room` is 0 where its load is at the bound. */
  describe(endpoint: Endpoint): Description {
    const { inflight, weight } = endpoint;
    const share = (this.#open[this.#endpoints.indexOf(endpoint)] ?? 0) / ALL;
    const room = this.bound === undefined ? {} : { room: this.bound.hasRoom(endpoint) ? 1 : 0 };
    return { parts: { weight, share, inflight, ...room } };
  }

  preview(request: PickRequest, random: Random): Preview {
    const table = this.#table ?? this.#finish();
    const twin = new HashPicker({ ...this.#options, random, bound: this.bound?.copy() });
    twin.#ready = this.#ready;
    twin.#endpoints = this.#endpoints;
    twin.#placed = this.#placed;
    twin.#table = table;
    twin.#open = this.#open;
    const endpoint = twin.pick(request);
    return { endpoint, drew: [endpoint] };
  }

  #takes(owner: number, hash: number): boolean {
    const open = this.#open[owner]!;
    // The owner's number would change with the membership, its id does not.
    return open === ALL || (open > 0 && mix32(hash ^ this.#placed.built[owner]!.salt!) >>> 2 < open);
  }

  /** No endpoint near takes it: all were tried, or nearly all are out, warming up or full. */
  #scan(hash: number, tried: readonly Endpoint[] | undefined, first: Endpoint | undefined): Endpoint {
    const ready = this.#ready;
    const { bound } = this;
    const start = (hash >>> 0) % ready.length;
    let untried: Endpoint | undefined;
    for (let i = 0; i < ready.length; i++) {
      const endpoint = ready[(start + i) % ready.length]!;
      if (tried?.includes(endpoint)) continue;
      untried ??= endpoint;
      if (bound !== undefined && !bound.hasRoom(endpoint)) continue;
      untried = endpoint;
      break;
    }
    bound?.began();
    return untried ?? first ?? ready[start]!;
  }

  #anyHash(): number {
    return (this.#random.below(HALF_HASH) << 16) | this.#random.below(HALF_HASH);
  }
}

/** A hash picker that needs to know when calls end. */
export class BoundedHashPicker extends HashPicker {
  observe(endpoint: Endpoint): void {
    this.bound?.ended(endpoint);
  }
}

export function createHashPicker(options: HashPickerOptions): Picker {
  return options.bound === undefined ? new HashPicker(options) : new BoundedHashPicker(options);
}

/**
 * All clients must build from the same order. Membership is in this order already; another
 * list may not be.
 */
function byId(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  for (let at = 1; at < endpoints.length; at++) {
    if (endpoints[at - 1]!.spec.id <= endpoints[at]!.spec.id) continue;
    return endpoints.toSorted((a, b) => (a.spec.id < b.spec.id ? -1 : 1));
  }
  return endpoints;
}

/** The part of its keys that one in slow start takes, and never none. */
function openOf({ weight, spec }: Endpoint): number {
  return weight >= spec.weight ? ALL : Math.max(1, Math.round((weight / spec.weight) * ALL));
}

const NOTHING_PLACED: Placed = { endpoints: [], built: [], table: undefined };

/** An endpoint that takes all its keys. */
const ALL = 2 ** 30;
const HALF_HASH = 2 ** 16;

/** With one in 16 ready, a walk takes 16 steps on average. */
const MAX_MEMBERS_PER_READY = 16;

/**
 * Then the walk has failed by bad luck in one of 15 million cases, if one in 16 is ready: 1 -
 * (15/16)^256.
 */
const MAX_STEPS = 256;
