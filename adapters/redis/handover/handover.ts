import { MAX_TIMER_MS } from '../../../src/adapter.js';
import { FairleadError, type Timer } from '../../../src/index.js';
import { digestOf, hasSameOwners, type NotedRing } from '../shards/noted-ring.js';
import type { RouteSource, Routes } from '../shards/on-failure.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { Sweeper } from '../shards/sweep.js';
import { Acquaintance } from './acquaintance.js';
import { HandoverRoutes } from './handover-target.js';
import { type CarrierHost, KeyCarrier } from './key-carrier.js';
import { type FoundNote, RingNotes } from './ring-notes.js';
import { SettlingKeys } from './settling.js';
import { type Window, Windows } from './windows.js';

/** What became of keys that have another owner than before; counted over the client's life. */
export interface HandoverStats {
  readonly active: boolean;
  /** A window's time is over, and keys were not brought yet: it goes on until they are. */
  readonly overdue: boolean;
  readonly moved: number;
  readonly movedBytes: number;
  /** Looked for at the owner before, which had nothing. */
  readonly absent: number;
  /** Found at the new owner already; what the owner before had was set aside. */
  readonly present: number;
  /** Above `maxValueBytes`: served by the owner before until the window is over. */
  readonly tooLarge: number;
  /**
   * Written at the owner before, by a client that had not heard of the change, while they were
   * moved: set aside.
   */
  readonly conflict: number;
  /** An owner could not be asked; the commands that wanted the key failed. */
  readonly failed: number;
  /** Commands that wait for a key at this moment. */
  readonly waiting: number;
  /** Names of shards whose servers do not let this client's user hand keys over. */
  readonly refusedBy: readonly string[];
}

export interface HandoverHost extends CarrierHost {
  /** Where commands go once their keys are there. */
  readonly routes: RouteSource;
  /** A window is over; these are asked no more. */
  release(shards: readonly Shard[]): void;
  /** A topology that another client has noted; undefined where it places keys by other rules. */
  recall(noted: NotedRing, named: boolean): ShardSet | undefined;
  /** Of the servers, as it is now. */
  password(): string | undefined;
  error(error: Error): void;
}

/** Between two looks at windows that are overdue; milliseconds. */
const RECHECK_MS = 1_000;

/**
 * After a change of the topology, for a while: a key that has another owner now is brought there
 * before the first command that names it, and the others meanwhile. Commands of one key keep their
 * order.
 *
 * Other clients hear of the change at other moments. One that has not would write at the owner
 * before what is not there any longer, so no client moves a key, or names it, until all have had
 * the time to hear (`settleMs`).
 *
 * ## Trip Conditions
 *
 * A change of the topology, unless there was no shard before: it begins a window of `settleMs` and
 * `windowMs`.
 *
 * ## Recovery Conditions
 *
 * The window's time is over and, with `background`, its shards hold no keys of others. Until then
 * the window goes on, which is reported once. What a shard holds that left discovery and does not
 * answer is given up.
 */
export class Handover implements RouteSource {
  readonly #host: HandoverHost;
  readonly #sweeper: Sweeper;
  readonly #routes = new WeakMap<Shard, Routes>();
  readonly #windows = new Windows();
  /** Ends the sweeps for a topology that was replaced. */
  #sweeps = new AbortController();
  #recheck: Timer | undefined;
  /** Until the others have heard of the latest change. */
  readonly #settling: SettlingKeys;
  readonly #carrier: KeyCarrier;
  readonly #notes: RingNotes;
  readonly #acquaintance: Acquaintance;
  /** The servers have something else noted than what is true now. */
  #outdated = false;
  /** Of notes that cannot be followed: reported once each. */
  readonly #reported = new Set<string>();

  constructor(host: HandoverHost) {
    this.#host = host;
    this.#sweeper = new Sweeper(host);
    this.#settling = new SettlingKeys(host.clock);
    this.#carrier = new KeyCarrier(host, this.#windows, this.#settling);
    this.#notes = new RingNotes(host);
    this.#acquaintance = new Acquaintance(
      {
        own: host.own,
        clock: host.clock,
        current: () => host.current(),
        error: (error) => host.error(error),
        learnt: (note, shard) => this.#learnt(note, shard),
        acquainted: () => this.#acquainted(),
      },
      this.#notes,
    );
  }

  get active(): boolean {
    return this.#windows.any;
  }

  get stats(): HandoverStats {
    const overdue = this.#windows.all.some(({ due }) => due);
    const { counts, waiting } = this.#carrier;
    return { active: this.active, overdue, ...counts, waiting, refusedBy: this.#acquaintance.refusedBy };
  }

  /** Those that own nothing any longer and still hold keys. */
  get leaving(): readonly Shard[] {
    const { shards } = this.#host.current();
    return this.#windows.shards.filter((shard) => !shards.includes(shard));
  }

  /** As `onFailure` has them, with keys brought before they are used. */
  routesOf(shard: Shard): Routes {
    let routes = this.#routes.get(shard);
    if (routes === undefined) {
      routes = new HandoverRoutes(shard, this.#host.routes.routesOf(shard), this.#carrier);
      this.#routes.set(shard, routes);
    }
    return routes;
  }

  /** The shard's state is another one. */
  changed(shard: Shard): void {
    this.#acquaintance.changed(shard);
  }

  /** The topology was changed: `before` is what it was. */
  begin(before: ShardSet): void {
    this.#sweeps.abort();
    this.#sweeps = new AbortController();
    if (before.shards.length === 0) {
      // What was before this client is known at the servers.
      this.#settling.doubt();
      this.#acquaintance.follow();
      return;
    }
    const { windowMs, settleMs } = this.#host.own.handover!;
    const leaving = this.leaving;
    this.#open(before, settleMs + windowMs);
    this.#carrier.changed();
    this.#releaseOf(leaving);
    this.#acquaintance.follow();
    this.#settle();
  }

  #open(before: ShardSet, forMs: number): void {
    const { clock } = this.#host;
    const { window, forgotten } = this.#windows.open(before, clock.wallMs() + forMs);
    if (forgotten.length > 0) this.#host.error(this.#error('changed too often: the oldest change is forgotten'));
    window.timer = clock.after(Math.min(forMs, MAX_TIMER_MS), () => {
      window.due = true;
      this.#closeWindows();
    });
  }

  /** Keys may be elsewhere: until all have heard of it none is moved, and then all are. */
  #settle(): void {
    this.#sweeps.abort();
    this.#sweeps = new AbortController();
    this.#outdated = false;
    this.#notes.write(this.#windows.all);
    const { settleMs, background } = this.#host.own.handover!;
    this.#settling.begin(settleMs);
    if (!background) return;
    // Those that own keys from now on, too: what is noted there is that they were swept when they
    // left, and they will hold keys of others when they leave again.
    const shards = new Set([...this.#windows.shards, ...this.#host.current().shards]);
    for (const shard of shards) if (!shard.readOnly) this.#sweep(shard);
  }

  /** Takes part in what other clients have begun, and in a change that none has seen. */
  #learnt(note: FoundNote, shard: Shard): void {
    if (note === 'foreign') this.#reportOnce(FOREIGN_NOTE, shard);
    if (note === 'none' || note === 'foreign') {
      this.#outdated = true;
      return;
    }
    const { clock, own } = this.#host;
    const { windowMs, settleMs } = own.handover!;
    const fullMs = settleMs + windowMs;
    if (digestOf(note.ring) !== this.#host.current().ring) this.#outdated = true;
    let opened = false;
    // A change that none has seen: what became of a server that has moved is not known to any.
    const unseen = hasSameOwners(note.ring, this.#host.current()) ? [] : [{ ring: note.ring, dueMs: Infinity }];
    for (const { ring, dueMs } of [...unseen, ...note.windows].reverse()) {
      const digest = digestOf(ring);
      if (digest === this.#host.current().ring || this.#windows.has(digest)) continue;
      const before = this.#host.recall(ring, ring === note.ring);
      if (before === undefined) this.#reportOnce(OTHER_RULES, shard);
      else {
        this.#open(before, Math.min(Math.max(dueMs - clock.wallMs(), 0), fullMs));
        opened = true;
      }
    }
    if (!opened) return;
    if (this.#settling.unknown) this.#carrier.forget();
    else {
      this.#carrier.changed();
      this.#settle();
    }
  }

  /** Every shard that can be asked was asked what others have noted there. */
  #acquainted(): void {
    if (this.#settling.unknown) {
      if (this.active) this.#settle();
      this.#settling.learn();
    }
    if (!this.#outdated) return;
    this.#outdated = false;
    this.#notes.write(this.#windows.all);
  }

  #reportOnce(what: string, { name }: Shard): void {
    if (this.#reported.has(what)) return;
    this.#reported.add(what);
    this.#host.error(this.#error(`${what} (noted at ${name})`));
  }

  close(): void {
    this.#settling.end();
    this.#sweeps.abort();
    this.#recheck?.cancel();
    const { leaving } = this;
    this.#windows.clear();
    this.#carrier.close();
    this.#acquaintance.close();
    this.#notes.forget();
    this.#host.release(leaving);
  }

  /** Brings what is at the shard and belongs to others, also keys that no command names. */
  #sweep(shard: Shard): void {
    const { signal } = this.#sweeps;
    const { ring } = this.#host.current();
    const ended = this.#carrier.ended();
    const ready = async (): Promise<void> => {
      await ended;
      while (this.#settling.over !== undefined) await this.#settling.over;
    };
    void this.#sweeper
      .run({ shard, ring, signal, ready, visit: (keys) => this.#carrier.bringAll(keys, shard) })
      .then(async (clean) => {
        // Also where another client has swept it.
        await ended;
        if (!clean || signal.aborted) return;
        this.#windows.markClean(shard);
        this.#closeWindows();
      });
  }

  /**
   * Ends the windows whose time is over, unless keys were not brought: such a window goes on until
   * they are. What a server holds that left discovery and does not answer is given up.
   */
  #closeWindows(): void {
    this.#recheck?.cancel();
    const { shards } = this.#host.current();
    for (const window of this.#windows.all) {
      if (!window.due) continue;
      const unclean = this.#host.own.handover!.background ? this.#windows.unclean(window) : [];
      const lost = unclean.filter((shard) => !shards.includes(shard) && shard.refusal() !== undefined);
      if (unclean.length > lost.length) {
        if (!window.reported) this.#host.error(this.#error(`${OVERDUE} (${namesOf(unclean)})`));
        window.reported = true;
      } else {
        if (lost.length > 0) this.#host.error(this.#error(`${GIVEN_UP} (${namesOf(lost)})`));
        this.#end(window);
      }
    }
    if (this.#windows.all.some(({ due }) => due)) {
      this.#recheck = this.#host.clock.after(RECHECK_MS, () => this.#closeWindows());
    }
  }

  #end(window: Window): void {
    const leaving = this.leaving;
    this.#windows.close(window);
    if (!this.active) this.#carrier.forget();
    this.#notes.write(this.#windows.all);
    this.#releaseOf(leaving);
  }

  /** Closes those that were left over until now and are not any longer. */
  #releaseOf(before: readonly Shard[]): void {
    const still = this.leaving;
    const { shards } = this.#host.current();
    this.#host.release(before.filter((shard) => !still.includes(shard) && !shards.includes(shard)));
  }

  #error(what: string): FairleadError {
    const { service } = this.#host.own;
    return new FairleadError('FAIRLEAD_HANDOVER', `The hand-over of keys of '${service}' ${what}.`, { service });
  }
}

const OVERDUE = 'is not done within windowMs, and goes on: keys of others are still at some shards';
const GIVEN_UP = 'is over without what shards held that left discovery and do not answer';

const FOREIGN_NOTE = 'may be under way, begun by clients with another password: what these have noted is not followed';
const OTHER_RULES = 'is under way by clients with another placement or compatibility, which is not followed';

const namesOf = (shards: readonly Shard[]): string => shards.map(({ name }) => name).join(', ');
