import type { Clock, Random } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { holderName } from '../shards/sweep-lock.js';
import { keyWithTag } from './made-up-names.js';
import type { SettlingKeys } from './settling.js';
import { TagLock } from './tag-lock.js';
import { TagSweep } from './tag-sweep.js';
import type { Windows } from './windows.js';

/** What it leaves to the carrier of single keys. */
export interface TagCarrierHost {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  readonly random: Random;
  current(): ShardSet;
  /** Brings a key that was seen there. Rejects where it cannot, or has to stay. */
  bring(key: Buffer, from: Shard): Promise<void>;
}

/** Tags that are known to be whole; the oldest is forgotten, and looked for again. */
const MAX_SETTLED = 100_000;

/** Brings all keys with a tag, for commands that may name any of them. */
export class TagCarrier {
  readonly #host: TagCarrierHost;
  readonly #windows: Windows;
  readonly #settling: SettlingKeys;
  readonly #holder: string;
  /** Of these every key is where it belongs. */
  readonly #settled = new Set<string>();
  readonly #sweeps = new Map<Shard, TagSweep>();
  /** Aborts with the topology. */
  #topology = new AbortController();
  /** What was begun for topologies before. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(host: TagCarrierHost, windows: Windows, settling: SettlingKeys) {
    this.#host = host;
    this.#windows = windows;
    this.#settling = settling;
    this.#holder = holderName(host.random);
  }

  has(tag: string): boolean {
    return this.#settled.has(tag);
  }

  /** Of the topology as it is now, for `bring`. */
  get signal(): AbortSignal {
    return this.#topology.signal;
  }

  /**
   * Resolves once every key of the tag is at its owner, or the topology is another one than that of
   * the signal. Rejects where one cannot be brought there.
   */
  async bring(tag: string, signal: AbortSignal): Promise<void> {
    // Again: it may have begun anew.
    while (this.#settling.over !== undefined) await this.#settling.over;
    if (signal.aborted || this.#settled.has(tag)) return;
    const key = keyWithTag(tag);
    const owner = this.#host.current().shardOf(key);
    const sources = (): Shard[] => this.#windows.sourcesOf(key, owner);
    const bringFrom = (from: Shard): Promise<void> =>
      this.#sweepOf(from)
        .want(tag)
        .catch((error: unknown) => {
          // It was given up, or swept meanwhile, and is closed.
          if (sources().includes(from)) throw error;
        });
    await Promise.all(sources().map(bringFrom));
    if (signal.aborted) return;
    if (this.#settled.size >= MAX_SETTLED) {
      const [oldest] = this.#settled;
      this.#settled.delete(oldest!);
    }
    this.#settled.add(tag);
  }

  /** Keys may be anywhere again. `ended`: of what moves them now. */
  changed(ended: Promise<unknown>): void {
    this.#before = Promise.all([this.#before, ended]);
    this.close();
  }

  /** Nothing is looked for any longer. */
  close(): void {
    this.#topology.abort();
    this.#topology = new AbortController();
    this.#sweeps.clear();
    this.#settled.clear();
  }

  forget(): void {
    this.#settled.clear();
  }

  /** Resolves when nothing is under way of what is now. */
  async ended(): Promise<void> {
    await Promise.all([...this.#sweeps.values()].map((sweep) => sweep.ended()));
  }

  #sweepOf(from: Shard): TagSweep {
    let sweep = this.#sweeps.get(from);
    if (sweep === undefined) {
      const { own, clock, random, current, bring } = this.#host;
      const before = this.#before;
      const lock = new TagLock(from, own, current().ring, this.#holder);
      const host = {
        clock,
        random,
        ready: async () => void (await before),
        bring: (key: Buffer) => bring(key, from),
      };
      // Without a sweep what is noted would outlive the ring that it was noted for.
      sweep = new TagSweep(host, lock, own.handover!.background, this.#topology.signal);
      this.#sweeps.set(from, sweep);
    }
    return sweep;
  }
}
