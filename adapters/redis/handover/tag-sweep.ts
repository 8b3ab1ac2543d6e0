import { Backoff, type Resolvers, withResolvers } from '../../../src/adapter.js';
import type { Clock, Random } from '../../../src/index.js';
import { pause } from '../shards/pause.js';
import { tagOf } from './made-up-names.js';
import type { TagLock } from './tag-lock.js';

/** What it needs of the client. */
export interface TagSweepHost {
  readonly clock: Clock;
  readonly random: Random;
  /** Resolves when the first key may be looked at. */
  ready(): Promise<void>;
  /** Brings a key that was seen at the shard. Rejects where it cannot, or has to stay there. */
  bring(key: Buffer): Promise<void>;
}

/** Tags looked for in one pass. */
const MAX_TAGS = 500;

/** Moves at a time: half of the default of `maxMoves`, the rest is for single keys. */
const AT_A_TIME = 32;

/** Between two questions whether another client has brought the tags; milliseconds. */
const RETRY = { baseMs: 20, maxMs: 250, jitter: 0.5 };

/**
 * Brings all keys of wanted tags from one shard. A pass over its names serves all tags that are
 * wanted when it begins; what is wanted meanwhile waits for the next.
 */
export class TagSweep {
  readonly #host: TagSweepHost;
  readonly #lock: TagLock;
  /** Whether clients tell each other; else each looks for itself. */
  readonly #shared: boolean;
  readonly #signal: AbortSignal;
  readonly #wanted = new Map<string, Resolvers<void>>();
  #running: Promise<void> | undefined;

  /** `shared`: what is done is noted for other clients. `signal` aborts with the topology. */
  constructor(host: TagSweepHost, lock: TagLock, shared: boolean, signal: AbortSignal) {
    this.#host = host;
    this.#lock = lock;
    this.#shared = shared;
    this.#signal = signal;
  }

  /**
   * Resolves once the shard has no key with the tag, or the topology is another one. Rejects where
   * the shard cannot be asked, and where a key cannot be brought.
   */
  want(tag: string): Promise<void> {
    let wanted = this.#wanted.get(tag);
    if (wanted === undefined) {
      wanted = withResolvers<void>();
      // Who wanted it may have given up by then.
      wanted.promise.catch(() => {});
      this.#wanted.set(tag, wanted);
    }
    this.#running ??= this.#run();
    return wanted.promise;
  }

  /** Resolves when it moves nothing any longer. */
  async ended(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#host;
    const backoff = new Backoff(random, RETRY);
    await this.#host.ready();
    while (this.#wanted.size > 0 && !this.#signal.aborted) {
      const tags = [...this.#wanted.keys()].slice(0, MAX_TAGS);
      try {
        const left = await this.#claim(tags);
        if (left === 'taken') await pause(clock, backoff.next(), this.#signal);
        else if (left.length > 0) {
          backoff.reset();
          await this.#pass(left);
        }
      } catch (error) {
        for (const tag of tags) this.#settle(tag, error as Error);
      }
    }
    this.#running = undefined;
    for (const tag of [...this.#wanted.keys()]) this.#settle(tag);
  }

  /** The tags that are not brought yet, if this client may look for them. */
  async #claim(tags: readonly string[]): Promise<readonly string[] | 'taken'> {
    if (!this.#shared) return tags;
    const { mine, clean } = await this.#lock.claim(tags);
    for (const tag of clean) this.#settle(tag);
    return mine ? tags.filter((tag) => this.#wanted.has(tag)) : 'taken';
  }

  async #pass(tags: readonly string[]): Promise<void> {
    const failed = new Set<string>();
    let cursor = '0';
    do {
      const [next, keys] = await this.#lock.find(cursor, tags);
      cursor = next;
      for (let i = 0; i < keys.length && !this.#signal.aborted; i += AT_A_TIME) {
        const some = keys.slice(i, i + AT_A_TIME);
        await Promise.all(some.map((key) => this.#bring(key, failed)));
      }
    } while (cursor !== '0' && !this.#signal.aborted);
    if (this.#signal.aborted) return;
    const brought = tags.filter((tag) => !failed.has(tag));
    if (this.#shared) await this.#lock.finish(brought);
    for (const tag of brought) this.#settle(tag);
  }

  async #bring(key: Buffer, failed: Set<string>): Promise<void> {
    try {
      await this.#host.bring(key);
    } catch (error) {
      const tag = tagOf(key)!;
      failed.add(tag);
      this.#settle(tag, error as Error);
    }
  }

  #settle(tag: string, error?: Error): void {
    const wanted = this.#wanted.get(tag);
    this.#wanted.delete(tag);
    if (error === undefined) wanted?.resolve();
    else wanted?.reject(error);
  }
}
