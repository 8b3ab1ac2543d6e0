import { judgeAfter } from '../../../src/adapter.js';
import { type Clock, FairleadError, type Timer } from '../../../src/index.js';
import { timedOut } from '../driver/deadlines.js';
import type { Command } from '../driver/driver.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { isOut } from '../shards/state.js';
import { type Kind, type MessageEvent, Subscriber } from './subscriber.js';

/** What it leaves to the client. */
export interface SubscriptionsHost {
  readonly clock: Clock;
  /** For SUBSCRIBE and its like: milliseconds; undefined for as long as it takes. */
  readonly timeoutMs: number | undefined;
  /** As the option of ioredis. */
  readonly stringNumbers: boolean;
  /** The client is ready: as with ioredis, no subscription is answered before. */
  isReady(): boolean;
  emit(event: string, ...args: unknown[]): void;
  listens(event: string): boolean;
  error(error: Error): void;
}

/** A channel or a pattern that is subscribed, or about which a command waits. */
interface Entry {
  readonly kind: Kind;
  /** As latin1, so that binary ones survive. */
  readonly name: string;
  wanted: boolean;
  /** A command that named it has succeeded: from then on it is followed wherever it goes. */
  kept: boolean;
  /** Commands under way that ask for it, since it was last wanted anew. */
  claims: number;
  /** Counts how often that was turned round: a command speaks for its own time only. */
  turn: number;
  /** Its refusal was reported, until it is held again. */
  reported: boolean;
  readonly waiters: Set<Waiter>;
}

/** A command that is not answered yet. */
interface Waiter {
  readonly command: Command;
  readonly joining: boolean;
  readonly count: number;
  /** Those that are not as it wants them. */
  readonly open: Set<Entry>;
  readonly entries: readonly Entry[];
  /** Theirs, in the same order, when it came. */
  readonly turns: readonly number[];
  timer: Timer | undefined;
}

/**
 * Channels live on the shard that their name hashes to, patterns on all. Each shard has a
 * subscriber for them, made when first needed.
 *
 * What is subscribed is a matter of what was asked for and of who owns it now, not of what was done
 * at each change: every change only decides anew which subscriber should hold what, and each brings
 * its server there as soon as that can be reached. A channel whose owner changes is held by the
 * owner before until the new one holds it.
 */
export class Subscriptions {
  readonly #host: SubscriptionsHost;
  readonly #subscribers = new Map<Shard, Subscriber>();
  readonly #entries: Readonly<Record<Kind, Map<string, Entry>>> = {
    subscribe: new Map(),
    psubscribe: new Map(),
    ssubscribe: new Map(),
  };
  /** How many of each kind are wanted. */
  readonly #counts: Record<Kind, number> = { subscribe: 0, psubscribe: 0, ssubscribe: 0 };
  /** Those with waiters. */
  readonly #pending = new Set<Entry>();
  #set: ShardSet | undefined;
  #closed = false;

  constructor(host: SubscriptionsHost) {
    this.#host = host;
  }

  /** Something is subscribed. */
  get active(): boolean {
    return this.#counts.subscribe + this.#counts.psubscribe + this.#counts.ssubscribe > 0;
  }

  /** Settles the command with the number of subscriptions, as Redis counts them. */
  handle(command: Command, name: string, set: ShardSet): void {
    const joining = !name.includes('unsubscribe');
    const kind = (joining ? name : name.replace('un', '')) as Kind;
    const given = (command.args as (string | Buffer)[]).map(toName);
    if (joining && given.length === 0) {
      // The server reports best what is wrong with it.
      set.any.send(command);
      return;
    }
    this.#set = set;
    const names = !joining && given.length === 0 ? this.#wantedOf(kind) : given;
    const refusal = joining ? this.#refusal(kind, names, set) : undefined;
    if (refusal !== undefined) command.reject(refusal);
    else this.#change(command, kind, [...new Set(names)], joining);
  }

  /** The shards have changed, or what can be used of them. */
  follow(set: ShardSet): void {
    this.#set = set;
    if (this.#closed) return;
    for (const [shard, subscriber] of this.#subscribers) subscriber.leaving = !set.shards.includes(shard);
    for (const entries of Object.values(this.#entries)) {
      for (const entry of entries.values()) {
        this.#place(entry);
        this.#settle(entry);
      }
    }
    this.#consider();
  }

  /** The client is ready now: what waited for that alone is answered. */
  ready(): void {
    if (this.#pending.size > 0) this.#consider();
  }

  open(): void {
    this.#closed = false;
  }

  close(): void {
    this.#closed = true;
    for (const subscriber of this.#subscribers.values()) subscriber.close();
    this.#subscribers.clear();
    for (const entry of this.#pending) {
      for (const waiter of entry.waiters) {
        // With its connection what it wanted gone is gone.
        if (!waiter.joining) this.#succeed(waiter);
        else {
          waiter.timer?.cancel();
          waiter.command.reject(new FairleadError('FAIRLEAD_CLOSED', 'Connection is closed.'));
        }
      }
    }
    this.#pending.clear();
    for (const entries of Object.values(this.#entries)) entries.clear();
  }

  #wantedOf(kind: Kind): string[] {
    return [...this.#entries[kind].values()].filter(({ wanted }) => wanted).map(({ name }) => name);
  }

  /** Why none of it can be done now; undefined where it can. */
  #refusal(kind: Kind, names: readonly string[], set: ShardSet): Error | undefined {
    if (kind === 'psubscribe') {
      // On those that are down it is subscribed as soon as they are back, like any other.
      return set.shards.every(isDown) ? set.shards[0]!.refusal() : undefined;
    }
    for (const name of names) {
      const owner = set.ownerOf(toBuffer(name));
      if (isDown(owner.shard)) return owner.refusal() ?? owner.shard.refusal();
    }
    return undefined;
  }

  #change(command: Command, kind: Kind, names: readonly string[], joining: boolean): void {
    const entries = names.map((name) => this.#entryOf(kind, name));
    for (const entry of entries) this.#want(entry, joining);
    const count = kind === 'ssubscribe' ? this.#counts.ssubscribe : this.#counts.subscribe + this.#counts.psubscribe;
    const turns = entries.map(({ turn }) => turn);
    const waiter: Waiter = { command, joining, count, entries, turns, open: new Set(entries), timer: undefined };
    if (this.#host.timeoutMs !== undefined && entries.length > 0) {
      const { clock, timeoutMs } = this.#host;
      waiter.timer = judgeAfter(clock, timeoutMs, () => this.#fail(waiter, timedOut()));
    }
    for (const entry of entries) {
      entry.waiters.add(waiter);
      if (joining) entry.claims++;
      this.#pending.add(entry);
    }
    for (const entry of entries) this.#place(entry);
    if (entries.length === 0) this.#succeed(waiter);
    else for (const entry of entries) this.#settle(entry);
  }

  #entryOf(kind: Kind, name: string): Entry {
    let entry = this.#entries[kind].get(name);
    if (entry === undefined) {
      entry = { kind, name, wanted: false, kept: false, claims: 0, turn: 0, reported: false, waiters: new Set() };
      this.#entries[kind].set(name, entry);
    }
    return entry;
  }

  #want(entry: Entry, wanted: boolean): void {
    if (entry.wanted === wanted) return;
    entry.wanted = wanted;
    entry.kept = false;
    entry.claims = 0;
    entry.turn++;
    this.#counts[entry.kind] += wanted ? 1 : -1;
  }

  /** Says to each subscriber whether it should hold this. */
  #place(entry: Entry): void {
    const { kind, name } = entry;
    if (!entry.wanted) for (const subscriber of this.#subscribers.values()) subscriber.drop(kind, name);
    else for (const shard of this.#ownersOf(entry)) this.#subscriberOf(shard).want(kind, name);
  }

  #ownersOf({ kind, name }: Entry): readonly Shard[] {
    const set = this.#set!;
    if (set.shards.length === 0) return [];
    return kind === 'psubscribe' ? set.shards : [set.ownerOf(toBuffer(name)).shard];
  }

  #subscriberOf(shard: Shard): Subscriber {
    let subscriber = this.#subscribers.get(shard);
    if (subscriber === undefined) {
      subscriber = new Subscriber(shard, {
        clock: this.#host.clock,
        agreed: (kind, names) => this.#agreed(kind, names),
        refused: (kind, name, error) => this.#refused(kind, name, error),
        lost: () => this.#consider(),
        heard: (event, args) => this.#heard(event, args),
      });
      this.#subscribers.set(shard, subscriber);
    }
    return subscriber;
  }

  #agreed(kind: Kind, names: readonly string[]): void {
    for (const name of names) {
      const entry = this.#entries[kind].get(name);
      if (entry !== undefined) this.#settle(entry);
    }
    this.#release();
  }

  /** What waits may have become true, or impossible. */
  #consider(): void {
    for (const entry of [...this.#pending]) {
      this.#settle(entry);
      const refusal = entry.wanted ? this.#refusal(entry.kind, [entry.name], this.#set!) : undefined;
      if (refusal !== undefined) this.#failAll(entry, refusal);
    }
    this.#release();
  }

  /** Ends the waits that are over, and lets go of it where it is held no longer for a reason. */
  #settle(entry: Entry): void {
    const reached = entry.wanted ? this.#host.isReady() && this.#isHeld(entry) : !this.#isAnywhere(entry);
    for (const waiter of entry.waiters) {
      // A later command wants the contrary: this one has had its turn.
      if (!reached && waiter.joining === entry.wanted) continue;
      entry.waiters.delete(waiter);
      waiter.open.delete(entry);
      if (waiter.open.size === 0) this.#succeed(waiter);
    }
    if (entry.waiters.size === 0) this.#pending.delete(entry);
    if (entry.wanted && reached) this.#moved(entry);
    if (entry.wanted || entry.waiters.size > 0) return;
    const entries = this.#entries[entry.kind];
    // A command may hold on to one that another has taken the place of.
    if (entries.get(entry.name) === entry) entries.delete(entry.name);
  }

  /** With its owner; a pattern with all that are not down. */
  #isHeld(entry: Entry): boolean {
    const { kind, name } = entry;
    const owners = this.#ownersOf(entry);
    const holds = (shard: Shard): boolean => this.#subscribers.get(shard)?.holds(kind, name) === true;
    return owners.some(holds) && owners.every((shard) => holds(shard) || isDown(shard));
  }

  #isAnywhere({ kind, name }: Entry): boolean {
    for (const subscriber of this.#subscribers.values()) if (subscriber.mayHold(kind, name)) return true;
    return false;
  }

  /** Held where it belongs: nowhere else any more. */
  #moved(entry: Entry): void {
    entry.reported = false;
    const owners = this.#ownersOf(entry);
    for (const [shard, subscriber] of this.#subscribers) {
      if (!owners.includes(shard)) subscriber.drop(entry.kind, entry.name);
    }
  }

  /** Subscribers of shards that left, with nothing that is not held elsewhere. */
  #release(): void {
    for (const [shard, subscriber] of this.#subscribers) {
      if (!subscriber.over) continue;
      this.#subscribers.delete(shard);
      subscriber.close();
    }
  }

  #refused(kind: Kind, name: string, error: Error): void {
    const entry = this.#entries[kind].get(name);
    if (entry === undefined) return;
    this.#failAll(entry, error);
    if (!entry.wanted || entry.reported) return;
    entry.reported = true;
    this.#host.error(error);
  }

  #failAll(entry: Entry, error: Error): void {
    for (const waiter of [...entry.waiters]) if (waiter.joining) this.#fail(waiter, error);
  }

  /** What it named and no other command has asked for is not subscribed after all. */
  #fail(waiter: Waiter, error: Error): void {
    waiter.timer?.cancel();
    for (const entry of waiter.open) entry.waiters.delete(waiter);
    for (const entry of this.#claimedBy(waiter)) {
      if (--entry.claims > 0 || entry.kept) continue;
      this.#want(entry, false);
      this.#place(entry);
    }
    for (const entry of waiter.entries) this.#settle(entry);
    waiter.command.reject(error);
  }

  #succeed(waiter: Waiter): void {
    waiter.timer?.cancel();
    for (const entry of this.#claimedBy(waiter)) {
      entry.claims--;
      entry.kept = true;
    }
    waiter.command.resolve(this.#host.stringNumbers ? String(waiter.count) : waiter.count);
  }

  /** What is still wanted because of it. */
  #claimedBy({ joining, entries, turns }: Waiter): Entry[] {
    return joining ? entries.filter(({ turn }, i) => turn === turns[i]) : [];
  }

  /** As ioredis: text only for its listeners. */
  #heard(event: MessageEvent, args: readonly Buffer[]): void {
    const text = event.slice(0, -'Buffer'.length);
    if (this.#host.listens(text)) this.#host.emit(text, ...args.map(String));
    this.#host.emit(event, ...args);
  }
}

const isDown = ({ state }: Shard): boolean => isOut(state);

const toName = (name: string | Buffer): string => Buffer.from(name as string).toString('latin1');
const toBuffer = (name: string): Buffer => Buffer.from(name, 'latin1');
