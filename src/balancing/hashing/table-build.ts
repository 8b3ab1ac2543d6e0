import type { Endpoint } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';
import type { Steps } from '../../hashing/steps.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { HashTableBuilder, PlacedEndpoint } from './hash-table.js';

export interface TableHost {
  readonly clock: Clock;
  /** A table that took several turns is finished. */
  readonly built?: (() => void) | undefined;
}

interface Built extends PlacedEndpoint {
  /** Of the keys that it takes while it takes some of them; whoever needs it first puts it here. */
  salt: number | undefined;
}

/** A table and what its owners' numbers mean. */
export interface Placed {
  readonly endpoints: readonly Endpoint[];
  readonly built: readonly Built[];
  /** Undefined before the first. */
  readonly table: HashTable | undefined;
}

interface Pending {
  endpoints: readonly Endpoint[];
  /** Undefined where its first step is not done. */
  work: Work | undefined;
}

interface Work {
  readonly built: readonly Built[];
  readonly steps: Steps<HashTable>;
}

/** So many steps are done at once: 800 new endpoints on a ring, or any change among 1,600. */
const STEPS_AT_ONCE = 4;
/** Of more they are not enough, and the turn that brings so long a list has enough to do. */
const LONG_LIST = 1_600;
/** The rest, by so many steps a turn of the event loop: a millisecond or a few. */
const STEPS_PER_TURN = 1;

/**
 * Builds the tables of one picker, each when the endpoints changed: a small one at once, a large
 * one over many turns of the event loop, so that a list of thousands stops no call. A list that
 * comes meanwhile waits for the one in work, and most of that is of use to it; of several, the last
 * one counts.
 */
export class TableBuild {
  readonly #builder: HashTableBuilder;
  readonly #host: TableHost;
  readonly #done: (placed: Placed) => void;
  #last: Placed | undefined;
  #pending: Pending | undefined;
  #next: readonly Endpoint[] | undefined;
  #timer: Timer | undefined;

  constructor(builder: HashTableBuilder, host: TableHost, done: (placed: Placed) => void) {
    this.#builder = builder;
    this.#host = host;
    this.#done = done;
  }

  /** Whether a table is in work. */
  get pending(): boolean {
    return this.#pending !== undefined;
  }

  /** A table over these, in the order of their ids. True where it is done, and was handed over. */
  want(endpoints: readonly Endpoint[]): boolean {
    const last = this.#last;
    if (last !== undefined && this.#isOf(endpoints, last.built)) {
      this.close();
      return this.#finished({ ...last, endpoints });
    }
    const pending = this.#pending;
    if (pending === undefined) return this.#begin(endpoints);
    const same = pending.work === undefined || this.#isOf(endpoints, pending.work.built);
    if (same) pending.endpoints = endpoints;
    this.#next = same ? undefined : endpoints;
    return false;
  }

  /** What is wanted, at once. */
  finish(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    const next = this.#next;
    this.#timer?.cancel();
    if (next === undefined) {
      this.#work(pending, Number.POSITIVE_INFINITY);
      return;
    }
    this.close();
    const built = this.#describe(next);
    this.#finished({ endpoints: next, built, table: this.#builder.build(built) });
    this.#host.built?.();
  }

  /** Leaves off what is in work. */
  close(): void {
    this.#timer?.cancel();
    this.#pending = undefined;
    this.#next = undefined;
  }

  #begin(endpoints: readonly Endpoint[]): boolean {
    const { steps } = this.#builder;
    if (steps === undefined) {
      const built = this.#describe(endpoints);
      return this.#finished({ endpoints, built, table: this.#builder.build(built) });
    }
    const pending: Pending = { endpoints, work: undefined };
    if (endpoints.length <= LONG_LIST) {
      const work = this.#workOn(pending);
      for (let step = 0; step < STEPS_AT_ONCE; step++) {
        const { done, value } = work.steps.next();
        if (done === true) return this.#finished({ endpoints, built: work.built, table: value });
      }
    }
    this.#pending = pending;
    this.#later(pending);
    return false;
  }

  #later(pending: Pending): void {
    this.#timer = this.#host.clock.after(0, () => {
      if (this.#pending === pending && !this.#work(pending, STEPS_PER_TURN)) this.#later(pending);
    });
  }

  #work(pending: Pending, count: number): boolean {
    // To describe so many endpoints is a step of its own.
    const begun = pending.work === undefined ? 1 : 0;
    const { built, steps } = pending.work ?? this.#workOn(pending);
    for (let step = begun; step < count; step++) {
      const { done, value } = steps.next();
      if (done !== true) continue;
      const next = this.#next;
      this.#pending = undefined;
      this.#next = undefined;
      this.#last = { endpoints: pending.endpoints, built, table: value };
      // Already on its way before those who wait for this one hear of it.
      if (next === undefined || !this.#begin(next)) this.#done(this.#last);
      this.#host.built?.();
      return true;
    }
    return false;
  }

  #workOn(pending: Pending): Work {
    const built = this.#describe(pending.endpoints);
    const work = { built, steps: this.#builder.steps!(built) };
    pending.work = work;
    return work;
  }

  #finished(placed: Placed): true {
    this.#last = placed;
    this.#done(placed);
    return true;
  }

  /** Takes over what it has of the list before: of a long one, little changes at a time. */
  #describe(endpoints: readonly Endpoint[]): readonly Built[] {
    const inUse = this.#builder.over === 'ready';
    const before = this.#last?.built ?? NOTHING;
    const built: Built[] = new Array(endpoints.length);
    // Both are in the order of their ids.
    let from = 0;
    for (let at = 0; at < endpoints.length; at++) {
      const { spec, weight: current } = endpoints[at]!;
      const { id } = spec;
      const weight = inUse ? current : spec.weight;
      while (from < before.length && before[from]!.id !== id && before[from]!.id < id) from++;
      const known = before[from];
      if (known?.id !== id) built[at] = { id, weight, salt: undefined };
      else built[at] = known.weight === weight ? known : { id, weight, salt: known.salt };
    }
    return built;
  }

  #isOf(endpoints: readonly Endpoint[], built: readonly Built[]): boolean {
    if (endpoints.length !== built.length) return false;
    const inUse = this.#builder.over === 'ready';
    for (let at = 0; at < built.length; at++) {
      const { spec, weight } = endpoints[at]!;
      const before = built[at]!;
      if (spec.id !== before.id || (inUse ? weight : spec.weight) !== before.weight) return false;
    }
    return true;
  }
}

const NOTHING: readonly Built[] = [];
