import type { Endpoint } from '../../endpoint/endpoint.js';
import type { HashTable } from '../../hashing/hash-table.js';
import { murmur3 } from '../../hashing/murmur3.js';
import type { Steps } from '../../hashing/steps.js';
import type { Clock, Timer } from '../../runtime/clock.js';
import type { HashTableBuilder } from './hash-table.js';

export interface TableHost {
  readonly clock: Clock;
  /** A table that took several turns is finished. */
  readonly built?: (() => void) | undefined;
}

/** What decides about an endpoint's place in a table. */
interface Built {
  readonly id: string;
  readonly weight: number;
  readonly salt: number;
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
  readonly built: readonly Built[];
  readonly steps: Steps<HashTable>;
}

/** So many steps are done at once: 800 new endpoints on a ring, or any change among 1,600. */
const STEPS_AT_ONCE = 4;
/** The rest, by so many steps a turn of the event loop: 2 to 5 milliseconds. */
const STEPS_PER_TURN = 2;

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
    const same = this.#isOf(endpoints, pending.built);
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
    this.#finished({ endpoints: next, built: this.#describe(next), table: this.#builder.build(next) });
    this.#host.built?.();
  }

  /** Leaves off what is in work. */
  close(): void {
    this.#timer?.cancel();
    this.#pending = undefined;
    this.#next = undefined;
  }

  #begin(endpoints: readonly Endpoint[]): boolean {
    const built = this.#describe(endpoints);
    const steps = this.#builder.steps?.(endpoints);
    if (steps === undefined) return this.#finished({ endpoints, built, table: this.#builder.build(endpoints) });
    for (let step = 0; step < STEPS_AT_ONCE; step++) {
      const { done, value } = steps.next();
      if (done === true) return this.#finished({ endpoints, built, table: value });
    }
    const pending: Pending = { endpoints, built, steps };
    this.#pending = pending;
    this.#later(pending);
    return false;
  }

  #later(pending: Pending): void {
    this.#timer = this.#host.clock.after(0, () => {
      if (this.#pending === pending && !this.#work(pending, STEPS_PER_TURN)) this.#later(pending);
    });
  }

  #work(pending: Pending, steps: number): boolean {
    for (let step = 0; step < steps; step++) {
      const { done, value } = pending.steps.next();
      if (done !== true) continue;
      const next = this.#next;
      this.#pending = undefined;
      this.#next = undefined;
      this.#last = { endpoints: pending.endpoints, built: pending.built, table: value };
      // Already on its way before those who wait for this one hear of it.
      if (next === undefined || !this.#begin(next)) this.#done(this.#last);
      this.#host.built?.();
      return true;
    }
    return false;
  }

  #finished(placed: Placed): true {
    this.#last = placed;
    this.#done(placed);
    return true;
  }

  #describe(endpoints: readonly Endpoint[]): readonly Built[] {
    const inUse = this.#builder.over === 'ready';
    const before = this.#last?.built ?? [];
    // Both are in the order of their ids.
    let from = 0;
    return endpoints.map(({ spec, weight: current }) => {
      const { id } = spec;
      const weight = inUse ? current : spec.weight;
      while (from < before.length && before[from]!.id < id) from++;
      const known = before[from];
      if (known?.id !== id) return { id, weight, salt: murmur3(id, 0) };
      return known.weight === weight ? known : { id, weight, salt: known.salt };
    });
  }

  #isOf(endpoints: readonly Endpoint[], built: readonly Built[]): boolean {
    const inUse = this.#builder.over === 'ready';
    return (
      endpoints.length === built.length &&
      endpoints.every(({ spec, weight }, index) => {
        const before = built[index]!;
        return spec.id === before.id && (inUse ? weight : spec.weight) === before.weight;
      })
    );
  }
}
