import { Backoff } from '../../runtime/backoff.js';
import { judgeAfter, sleep, type Timer } from '../../runtime/clock.js';
import { FairleadError, toError } from '../../runtime/errors.js';
import { STOPPED } from '../../runtime/stopped.js';
import { TokenBucket } from '../../runtime/token-bucket.js';
import type { DiscoveryContext } from '../context.js';
import type { ServerPause } from '../server-pause.js';
import {
  awayMs,
  type EtcdCalls,
  type EtcdEntry,
  type EtcdHeader,
  type EtcdRange,
  type EtcdWatchMessage,
  UnansweredEtcd,
} from './calls.js';
import { readAll } from './read-all.js';

export interface RangeWatchContext extends DiscoveryContext {
  readonly calls: EtcdCalls;
  /** One for all watches at the cluster. */
  readonly pause: ServerPause;
  readonly options: {
    readonly requestTimeoutMs: number;
    /** How often a silent watch is asked whether it lives; milliseconds. */
    readonly progressMs: number;
    readonly maxBackoffMs: number;
    readonly maxKeys: number;
  };
}

export interface RangeHearer {
  /** All there is now. `doubtful`: etcd was away, or is another, since the last time. */
  entries(entries: ReadonlyMap<string, EtcdEntry>, header: EtcdHeader, doubtful: boolean): void;
  /** Nothing changed: etcd is there, and would have said so. */
  confirmed(header: EtcdHeader): void;
  failed(error: Error): void;
}

/** First ceiling of the backoff: a restarted member is back within a few of these; milliseconds. */
const BACKOFF_BASE_MS = 50;

/** Lists in a row: one that is compacted again and again is read this often. */
const LISTS_PER_SECOND = 2;
const LIST_BURST = 4;

/**
 * One range of etcd, for ever: a list, then a watch from the revision after it.
 *
 * ## Lists anew
 * Whenever a watch ends, whatever ended it: compaction, a broken connection, a member without a
 * leader, a token that is over, silence. What the watch missed meanwhile may be compacted, and the
 * store may be another than before (restored from a backup, with a lower revision): only a list is
 * right in all of these, and costs one request. It waits for the pause that all share, after a
 * failure also for a backoff with full jitter, and is limited by a token bucket.
 *
 * ## Is given up
 * A watch that is not confirmed within the time of a request, and one that stays silent although
 * it was asked for progress. Its answers are used for that alone: etcd before 3.4.25 and 3.5.8 may
 * answer before it has sent what changed.
 */
export class RangeWatch {
  readonly #range: EtcdRange;
  readonly #context: RangeWatchContext;
  readonly #hearer: RangeHearer;
  readonly #stop = new AbortController();
  readonly #bucket = new TokenBucket({ perSecond: LISTS_PER_SECOND, burst: LIST_BURST });
  readonly #backoff: Backoff;
  #entries = new Map<string, EtcdEntry>();
  #header: EtcdHeader | undefined;
  #relist: (() => void) | undefined;

  constructor(range: EtcdRange, context: RangeWatchContext, hearer: RangeHearer) {
    this.#range = range;
    this.#context = context;
    this.#hearer = hearer;
    this.#backoff = new Backoff(context.random, { baseMs: BACKOFF_BASE_MS, maxMs: context.options.maxBackoffMs });
    void this.#run();
  }

  stop(): void {
    this.#stop.abort(STOPPED);
    this.#relist?.();
  }

  /** Ends the watch, so that a list follows: to look once more. */
  relist(): void {
    this.#relist?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let doubtful = false;
    while (!signal.aborted) {
      await this.#sleep(this.#bucket.reserve(this.#context.clock.now()));
      try {
        const revision = await this.#list(doubtful);
        doubtful = false;
        this.#backoff.reset();
        if (!signal.aborted) await this.#follow(revision);
      } catch (thrown) {
        if (signal.aborted) return;
        doubtful = true;
        this.#hearer.failed(toError(thrown));
        // These are waited for together with all who ask this cluster.
        if (awayMs(thrown) === undefined) await this.#sleep(this.#backoff.next());
      }
    }
  }

  /** The revision of the list. */
  #list(doubtful: boolean): Promise<bigint> {
    const { calls, pause, options } = this.#context;
    const waits = (reason: Error): void => this.#hearer.failed(reason);
    return pause.run(this.#stop.signal, waits, async (wasAway) => {
      const { entries, header } = await readAll(calls, this.#range, options.maxKeys);
      const before = this.#header;
      const another =
        before !== undefined && (before.clusterId !== header.clusterId || before.revision > header.revision);
      this.#entries = new Map(entries.map((entry) => [entry.key, entry]));
      this.#header = header;
      if (!this.#stop.signal.aborted) this.#hearer.entries(this.#entries, header, doubtful || wasAway || another);
      return header.revision;
    });
  }

  /** Resolves when it is time to list anew, and rejects with what went wrong. */
  async #follow(revision: bigint): Promise<void> {
    let timer: Timer | undefined;
    const { calls, clock, options } = this.#context;
    try {
      await new Promise<void>((resolve, reject) => {
        const stream = calls.watch(this.#range, revision + 1n, {
          message: (message) => {
            if (message.canceled) {
              if (message.compactRevision > 0n) resolve();
              else reject(this.#error(`the watch was ended: ${message.reason || 'no reason is given'}`));
              return;
            }
            listen();
            if (message.header.revision < revision) {
              reject(this.#error('its revision went back: it has lost changes, and is read anew'));
            } else if (!this.#take(message)) {
              reject(this.#error(`more than ${options.maxKeys} keys begin with '${this.#range.key}' (maxKeys)`));
            }
          },
          ended: reject,
        });
        /** Silence is judged from here on. */
        const listen = (): void => {
          timer?.cancel();
          timer = clock.after(options.progressMs, () => {
            timer = judgeAfter(clock, options.requestTimeoutMs, () => reject(this.#silent()), 'after');
            stream.askProgress();
          });
        };
        timer = judgeAfter(clock, options.requestTimeoutMs, () => reject(this.#silent()), 'after');
        this.#relist = () => resolve();
        this.#end = () => stream.close();
      });
    } finally {
      this.#relist = undefined;
      timer?.cancel();
      this.#end();
    }
  }

  #end: () => void = () => {};

  /** False where there are more keys than may be. */
  #take({ events, header, fragment, created }: EtcdWatchMessage): boolean {
    if (events.length === 0) {
      if (!created) this.#hearer.confirmed(header);
      return true;
    }
    for (const { deleted, entry } of events) {
      if (deleted) this.#entries.delete(entry.key);
      else this.#entries.set(entry.key, entry);
    }
    if (this.#entries.size > this.#context.options.maxKeys) return false;
    this.#header = header;
    // The rest of this revision follows: half of a change is no list.
    if (!fragment) this.#hearer.entries(this.#entries, header, false);
    return true;
  }

  #silent(): UnansweredEtcd {
    const { calls, options } = this.#context;
    return new UnansweredEtcd(
      'FAIRLEAD_DISCOVERY',
      `etcd at ${calls.address}: the watch of '${this.#range.key}' said nothing for ${options.requestTimeoutMs} ms.`,
    );
  }

  #error(what: string): FairleadError {
    return new FairleadError('FAIRLEAD_DISCOVERY', `etcd at ${this.#context.calls.address}: ${what}.`);
  }

  async #sleep(delayMs: number): Promise<void> {
    // Stopped: the caller looks.
    if (delayMs > 0) await sleep(this.#context.clock, delayMs, this.#stop.signal).catch(() => {});
  }
}
