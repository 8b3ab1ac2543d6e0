import { KeyRing } from '../../../src/hashing/index.js';
import type { Clock, Timer } from '../../../src/index.js';
import { KetamaPlacement, type PlacedShard, type Placement, type PlacementOptions, placeShards } from './placement.js';

/** A step takes one to three milliseconds. As many as this are done at once: 800 new shards. */
const STEPS_AT_ONCE = 4;
/** Of more they are not enough, and the turn that brings so long a list has enough to do. */
export const LONG_LIST = 1_600;
const STEPS_PER_TURN = 1;

interface Done {
  readonly shards: readonly PlacedShard[];
  readonly placement: Placement;
}

interface Pending {
  readonly shards: readonly PlacedShard[];
  readonly steps: Generator<void, void>;
  timer: Timer | undefined;
}

/**
 * The placements of one client, one after the other: each costs what changed since the last one,
 * and nothing where only the health of shards did. Those of many shards can be made ready over many
 * turns of the event loop.
 */
export class Placements {
  readonly #options: PlacementOptions;
  readonly #clock: Clock;
  /** Undefined for placements that take no more than a few milliseconds, however many shards. */
  readonly #ring: KeyRing | undefined;
  #done: Done | undefined;
  #pending: Pending | undefined;

  constructor(options: PlacementOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    if (options.placement === 'ketama') this.#ring = new KeyRing({ compatibility: options.compatibility });
  }

  /** Of shards that are sorted by name; at once, where it is not ready. */
  of(shards: readonly PlacedShard[]): Placement {
    if (this.#done !== undefined && isSame(this.#done.shards, shards)) return this.#done.placement;
    this.close();
    const ring = this.#ring;
    if (ring === undefined) return this.#finished(shards, placeShards(shards, this.#options));
    ring.update(serversOf(shards));
    return this.#finished(shards, new KetamaPlacement(ring));
  }

  /**
   * `ready` is called once that is ready, at once where it does not take long; not at all where
   * other shards are wanted before.
   */
  prepare(shards: readonly PlacedShard[], ready: () => void): void {
    this.close();
    const ring = this.#ring;
    if (ring === undefined || (this.#done !== undefined && isSame(this.#done.shards, shards))) {
      ready();
      return;
    }
    const pending: Pending = { shards, steps: ring.updateInSteps(serversOf(shards)), timer: undefined };
    this.#pending = pending;
    this.#work(pending, shards.length > LONG_LIST ? 0 : STEPS_AT_ONCE, ready);
  }

  /** Leaves off what is in work. */
  close(): void {
    this.#pending?.timer?.cancel();
    this.#pending = undefined;
  }

  #work(pending: Pending, steps: number, ready: () => void): void {
    for (let step = 0; step < steps; step++) {
      if (pending.steps.next().done !== true) continue;
      this.#pending = undefined;
      this.#finished(pending.shards, new KetamaPlacement(this.#ring!));
      ready();
      return;
    }
    pending.timer = this.#clock.after(0, () => {
      if (this.#pending === pending) this.#work(pending, STEPS_PER_TURN, ready);
    });
  }

  #finished(shards: readonly PlacedShard[], placement: Placement): Placement {
    this.#done = { shards, placement };
    return placement;
  }
}

function serversOf(shards: readonly PlacedShard[]): { readonly id: string; readonly weight: number }[] {
  return shards.map(({ name, weight }) => ({ id: name, weight }));
}

function isSame(a: readonly PlacedShard[], b: readonly PlacedShard[]): boolean {
  return a.length === b.length && a.every(({ name, weight }, i) => name === b[i]!.name && weight === b[i]!.weight);
}
