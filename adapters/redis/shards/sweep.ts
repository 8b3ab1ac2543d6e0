import { Backoff, forgetAbort, whenAborted } from '../../../src/adapter.js';
import type { Clock, Random } from '../../../src/index.js';
import { shardUnavailable } from '../common/errors.js';
import { ask } from './ask.js';
import { pause } from './pause.js';
import type { Shard } from './shard.js';
import { holderName, LOCK_MS, SweepLock, type SweepNames } from './sweep-lock.js';

/** What it needs of its client. */
export interface SweepHost {
  readonly own: SweepNames;
  readonly clock: Clock;
  readonly random: Random;
  error(error: Error): void;
}

export interface Sweep {
  readonly shard: Shard;
  /** A digest of the ring that keys are compared with. */
  readonly ring: string;
  /** Aborts when the sweep is not needed any longer. */
  readonly signal: AbortSignal;
  /** Resolves when the first key may be looked at; the shard is claimed before. */
  ready(): Promise<void>;
  /** Resolves with how many of these keys are still there and should not be. */
  visit(keys: readonly Buffer[]): Promise<number>;
}

/** Keys looked at in one step. */
const PAGE = 100;

/**
 * Between two looks at a shard that another client sweeps, or that cannot be swept now;
 * milliseconds.
 */
const RETRY = { baseMs: 250, maxMs: 2_000, jitter: 0.5 };

/** One client's part in the sweeps of its shards. */
export class Sweeper {
  readonly #host: SweepHost;
  /** One for the client's life, so that what it holds it also holds for the next sweep. */
  readonly #name: string;

  constructor(host: SweepHost) {
    this.#host = host;
    this.#name = holderName(host.random);
  }

  /**
   * Looks at all keys of a shard, page by page, again and again until nothing is left that should
   * not be there. Resolves true then, also where another client did it; false where the signal
   * aborted before.
   */
  async run(sweep: Sweep): Promise<boolean> {
    const { own, clock, random } = this.#host;
    const lock = new SweepLock(sweep.shard, own, sweep.ring, this.#name);
    const backoff = new Backoff(random, RETRY);
    const told = new Set<string>();
    while (!sweep.signal.aborted) {
      try {
        const claim = await lock.claim();
        if (claim === 'done') return true;
        if (claim === 'mine' && (await this.#hold(lock, sweep))) return true;
      } catch (error) {
        this.#report(sweep.shard, error as Error, told);
      }
      await pause(clock, backoff.next(), sweep.signal);
    }
    return false;
  }

  /** With the lock held. True where nothing is left. */
  async #hold(lock: SweepLock, sweep: Sweep): Promise<boolean> {
    const lost = new AbortController();
    const aborted = AbortSignal.any([sweep.signal, lost.signal]);
    const release = (): void => lock.release();
    whenAborted(sweep.signal, release);
    void this.#renew(lock, aborted, () => lost.abort());
    try {
      await sweep.ready();
      const left = await this.#pass(sweep, aborted);
      if (left === 0 && !aborted.aborted) {
        await lock.finish();
        return true;
      }
      if (!aborted.aborted) lock.release();
      return false;
    } finally {
      forgetAbort(sweep.signal, release);
      lost.abort();
    }
  }

  /** How many keys are still there and should not be. */
  async #pass({ shard, visit }: Sweep, signal: AbortSignal): Promise<number> {
    let left = 0;
    let cursor = '0';
    while (!signal.aborted) {
      const reply = await ask(this.#host.own.service, shard, 'scan', [cursor, 'COUNT', String(PAGE)]);
      const [next, keys] = readPage(reply);
      if (keys.length > 0) left += await visit(keys);
      cursor = next;
      if (cursor === '0') break;
    }
    return left;
  }

  /** Well before it runs out, whatever a page takes. */
  async #renew(lock: SweepLock, signal: AbortSignal, lost: () => void): Promise<void> {
    for (;;) {
      await pause(this.#host.clock, LOCK_MS / 3, signal);
      if (signal.aborted) return;
      const claim = await lock.claim().catch(() => 'taken');
      if (claim !== 'mine') {
        lost();
        return;
      }
    }
  }

  /**
   * What a server refuses is reported, once each; that it does not answer is known by its state.
   */
  #report(shard: Shard, error: Error, told: Set<string>): void {
    if (error.name !== 'ReplyError' || told.has(error.message)) return;
    told.add(error.message);
    const { service } = this.#host.own;
    this.#host.error(shardUnavailable(service, shard.name, `refuses to be swept (${error.message})`));
  }
}

function readPage(reply: unknown): readonly [cursor: string, keys: readonly Buffer[]] {
  const [cursor, keys] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (!Array.isArray(keys) || !keys.every(Buffer.isBuffer)) throw new TypeError('SCAN was answered by no page of keys');
  return [String(cursor), keys];
}
