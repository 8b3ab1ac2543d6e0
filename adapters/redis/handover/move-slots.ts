import { Semaphore } from '../../../src/adapter.js';
import type { Shard } from '../shards/shard.js';

/**
 * At most `count` moves at a time from one shard to another. Each pair has its own: a shard that
 * does not answer holds up its own keys only.
 */
export class MoveSlots {
  readonly #count: number;
  readonly #pairs = new WeakMap<Shard, WeakMap<Shard, Semaphore>>();

  constructor(count: number) {
    this.#count = count;
  }

  run<T>(from: Shard, to: Shard, work: () => Promise<T>): Promise<T> {
    let targets = this.#pairs.get(from);
    if (targets === undefined) {
      targets = new WeakMap();
      this.#pairs.set(from, targets);
    }
    let slots = targets.get(to);
    if (slots === undefined) {
      slots = new Semaphore(this.#count);
      targets.set(to, slots);
    }
    return slots.run(work);
  }
}
