import type { Timer } from '../../../src/index.js';
import type { RedisKey } from '../common/errors.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';

/** What was before a change. */
export interface Window {
  readonly set: ShardSet;
  timer?: Timer;
  /** When its time is over; milliseconds of Unix time, for other clients. */
  readonly dueMs: number;
  /** Its time is over. */
  due: boolean;
  /** It was reported that it goes on. */
  reported: boolean;
}

/**
 * Changes that are remembered at a time, so that a list of servers that flaps does not fill the
 * memory.
 */
const MAX_WINDOWS = 8;

/**
 * The topologies of before, the newest first, for as long as keys may still be where these put
 * them. A shard that is clean holds no key that another one owns now.
 */
export class Windows {
  #open: readonly Window[] = [];
  readonly #clean = new Set<Shard>();

  get any(): boolean {
    return this.#open.length > 0;
  }

  get all(): readonly Window[] {
    return this.#open;
  }

  /** Every shard of a topology of before. */
  get shards(): readonly Shard[] {
    return [...new Set(this.#open.flatMap(({ set }) => set.shards))];
  }

  /** A topology with this ring is among them. */
  has(ring: string): boolean {
    return this.#open.some(({ set }) => set.ring === ring);
  }

  /** The topology changed from this one. Returns the windows that are forgotten for it. */
  open(set: ShardSet, dueMs: number): { readonly window: Window; readonly forgotten: readonly Window[] } {
    // Keys may lie anywhere again.
    this.#clean.clear();
    const window: Window = { set, dueMs, due: false, reported: false };
    const same = this.#open.filter((each) => sameShards(each.set, set));
    for (const { timer } of same) timer?.cancel();
    const all = [window, ...this.#open.filter((each) => !same.includes(each))];
    this.#open = all.slice(0, MAX_WINDOWS);
    const forgotten = all.slice(MAX_WINDOWS);
    for (const { timer } of forgotten) timer?.cancel();
    return { window, forgotten };
  }

  close(window: Window): void {
    window.timer?.cancel();
    this.#open = this.#open.filter((each) => each !== window);
  }

  clear(): void {
    for (const { timer } of this.#open) timer?.cancel();
    this.#open = [];
    this.#clean.clear();
  }

  markClean(shard: Shard): void {
    this.#clean.add(shard);
  }

  /** Shards of the window that may still hold keys of others. */
  unclean({ set }: Window): Shard[] {
    return set.shards.filter((shard) => !shard.readOnly && !this.#clean.has(shard));
  }

  /**
   * Where the key may still be that this shard owns now: its owners of before, the latest first.
   */
  sourcesOf(key: RedisKey, owner: Shard): Shard[] {
    const sources: Shard[] = [];
    for (const { set } of this.#open) {
      const shard = set.shardOf(key);
      if (this.#clean.has(shard) || sources.includes(shard) || haveSameData(shard, owner)) continue;
      sources.push(shard);
    }
    return sources;
  }
}

/** The same server, or one that replicated the other: a promotion moves no key. */
export function haveSameData(before: Shard, now: Shard): boolean {
  if (before.address === now.address) return true;
  if (before.name !== now.name) return false;
  return before.readOnly || before.replicas.some(({ address }) => address === now.address);
}

/** One topology, seen twice. */
function sameShards(a: ShardSet, b: ShardSet): boolean {
  return (
    a.ring === b.ring && a.shards.length === b.shards.length && a.shards.every((shard, i) => shard === b.shards[i])
  );
}
