import { MAX_TIMER_MS } from '../../../src/adapter.js';
import type { Clock, Random } from '../../../src/index.js';
import { CrossShardError, type RedisKey, shardUnavailable, tagLate, tagSplit } from '../common/errors.js';
import type { ShardedSettings } from '../common/options.js';
import { ReservedNames } from '../common/reserved.js';
import { type Command, refuseAll } from '../driver/driver.js';
import type { Shard, Target } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { type Move, moveKey } from './key-move.js';
import { makesUpNames, tagOf, tagsOf } from './made-up-names.js';
import { MoveSlots } from './move-slots.js';
import type { SettlingKeys } from './settling.js';
import { TagCarrier } from './tag-carrier.js';
import { WaitingOrder } from './waiting-order.js';
import { haveSameData, type Windows } from './windows.js';

/** What it leaves to the client. */
export interface CarrierHost {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  readonly random: Random;
  current(): ShardSet;
  keysOf(command: Command): readonly RedisKey[];
  /** Decides anew where a command, or a transaction as a whole, goes. */
  again(commands: readonly Command[]): void;
}

/**
 * Keys of which it is known, in this window, where they are. The oldest is forgotten, and looked
 * for again.
 */
const MAX_SETTLED = 100_000;

/** Background moves for one shard; few, so that moves with a waiting command find a slot. */
const AT_A_TIME = 8;

/** See `MoveOptions.ticketMs`. */
const TICKET_MS = 5_000;

/**
 * Brings keys to where they belong before the commands that name them are sent. Commands of one key
 * keep their order. A command that may name keys that are not among its arguments names all keys
 * with the tags of those that are.
 */
export class KeyCarrier {
  readonly counts = { moved: 0, movedBytes: 0, absent: 0, present: 0, tooLarge: 0, conflict: 0, failed: 0 };
  /** Commands that wait for a key. */
  waiting = 0;
  readonly #host: CarrierHost;
  readonly #windows: Windows;
  /** Until the others have heard of the latest change. */
  readonly #settling: SettlingKeys;
  readonly #slots: MoveSlots;
  readonly #reserved: ReservedNames;
  /**
   * By key: the shard that keeps it although it is not its owner, or undefined where all is as it
   * should be.
   */
  readonly #settled = new Map<string, Shard | undefined>();
  readonly #order = new WaitingOrder();
  readonly #tags: TagCarrier;
  /** Counts the changes of the topology. */
  #change = 0;

  constructor(host: CarrierHost, windows: Windows, settling: SettlingKeys) {
    this.#host = host;
    this.#windows = windows;
    this.#settling = settling;
    this.#reserved = new ReservedNames(host.own);
    this.#slots = new MoveSlots(host.own.handover!.maxMoves);
    const bring = (key: Buffer, from: Shard): Promise<void> => this.#bringTagged(key, from);
    this.#tags = new TagCarrier({ ...host, bring }, windows, settling);
  }

  /** There is something to bring. */
  get active(): boolean {
    return this.#windows.any || this.#settling.unknown;
  }

  /** The topology changed: keys may be anywhere again. */
  changed(): void {
    this.#change++;
    this.#tags.changed(this.ended());
    this.#settled.clear();
  }

  /**
   * Resolves when all that is under way now has ended. A move that was begun for the topology
   * before may still put its key at a shard that owns it no longer.
   */
  async ended(): Promise<void> {
    await Promise.all([this.#tags.ended(), ...this.#order.all]);
  }

  /** The client ends. */
  close(): void {
    this.forget();
    this.#tags.close();
  }

  /** No window is open any longer, or it was learnt of one before any key was looked for. */
  forget(): void {
    this.#settled.clear();
    this.#tags.forget();
  }

  /**
   * Sends commands once their keys are where they go. `send` receives another shard where they have
   * to stay there.
   */
  bring(target: Target, commands: readonly Command[], send: (to: Shard | undefined) => void): void {
    let keys: readonly RedisKey[] = [];
    let tags: readonly string[] = [];
    try {
      if (this.active) {
        keys = commands.flatMap((command) => this.#host.keysOf(command));
        tags = this.#tagsOf(commands, keys);
      }
    } catch (error) {
      for (const command of commands) command.reject(error as Error);
      return;
    }
    const ids = keys.map(idOf);
    const earlier = this.#order.before({ ids, tagsOfKeys: () => tagsOf(keys), tags });
    if (
      earlier.length === 0 &&
      tags.every((tag) => this.#tags.has(tag)) &&
      ids.every((id, i) => this.#isSettled(id, keys[i]!, target.shard))
    ) {
      this.#sendTo(target, commands, keys, ids, send);
      return;
    }
    const { service, maxOfflineCommands } = this.#host.own;
    // At the start as many may wait as for the connections.
    const times = this.#settling.unknown ? this.#host.current().shards.length : 1;
    if (this.waiting >= Math.max(maxOfflineCommands, 1) * times) {
      const why = `takes over keys, and ${this.waiting} commands wait already`;
      refuseAll(commands, () => shardUnavailable(service, target.name, why));
      return;
    }
    this.waiting++;
    const change = this.#change;
    const isLate = this.#limit(commands, tags);
    const ready = this.#ready(keys, ids, tags, earlier);
    const sent = ready.then(
      () => {
        if (isLate()) return;
        if (change === this.#change) this.#sendTo(target, commands, keys, ids, send);
        // The topology changed while they waited. Their order is that of what they waited for.
        else this.#host.again(commands);
      },
      (error: Error) => {
        if (isLate()) return;
        for (const command of commands) command.reject(error);
      },
    );
    this.#order.add(ids, tags, sent, () => this.waiting--);
  }

  /** For keys that no command names. How many of these are not where they belong yet. */
  async bringAll(keys: readonly Buffer[], from: Shard): Promise<number> {
    const set = this.#host.current();
    const foreign = keys.filter((key) => !this.#reserved.has(key) && !haveSameData(from, set.shardOf(key)));
    let left = 0;
    for (let i = 0; i < foreign.length; i += AT_A_TIME) {
      const brought = await Promise.all(foreign.slice(i, i + AT_A_TIME).map((key) => this.#bringOne(key, from)));
      left += brought.filter((done) => !done).length;
    }
    return left;
  }

  /** True where the key, which was seen at `from`, is not there any longer. */
  async #bringOne(key: Buffer, from: Shard): Promise<boolean> {
    const id = idOf(key);
    let gone = false;
    const bring = async (): Promise<void> => {
      await this.#order.of(id);
      gone = await this.#bringSeen(id, key, from);
    };
    const done = bring().catch(() => {});
    this.#order.add([id], [], done, () => {});
    await done;
    return gone;
  }

  /** For a command that may name it. The command is what others wait for: this waits for none. */
  async #bringTagged(key: Buffer, from: Shard): Promise<void> {
    if (this.#reserved.has(key)) return;
    const id = idOf(key);
    await this.#bringSeen(id, key, from);
    const stays = this.#settled.get(id);
    if (stays !== undefined) throw tagSplit(this.#host.own.service, key, stays.name);
  }

  /** The same as `#bringOne`, at once, and rejects where it cannot be brought. */
  async #bringSeen(id: string, key: Buffer, from: Shard): Promise<boolean> {
    const owner = this.#host.current().shardOf(key);
    // Not by a change that is remembered: this client does not move it.
    if (!this.#windows.sourcesOf(key, owner).includes(from)) return true;
    const change = this.#change;
    const known = this.#settled.has(id);
    await this.#bringHere(id, key);
    // It may belong where it is by now.
    if (change !== this.#change) return false;
    // Written there since it was brought, by a client that had not heard of the change.
    if (known && this.#settled.get(id) === undefined) await this.#move(key, from, owner);
    return this.#settled.get(id) !== from;
  }

  /** The tags of which each key has to be here; none for commands that name all their keys. */
  #tagsOf(commands: readonly Command[], keys: readonly RedisKey[]): readonly string[] {
    const { scripts } = this.#host.own.handover!;
    return scripts === 'tag' && commands.some(makesUpNames) ? tagsOf(keys) : [];
  }

  /** Resolves when all has been sent that has to be, and all keys are here. */
  #ready(
    keys: readonly RedisKey[],
    ids: readonly string[],
    tags: readonly string[],
    earlier: readonly Promise<void>[],
  ): Promise<unknown> {
    const { signal } = this.#tags;
    const bring = (): Promise<unknown> =>
      Promise.all([
        ...keys.map((key, i) => this.#counted(this.#bringHere(ids[i]!, key))),
        ...tags.map((tag) => this.#counted(this.#tags.bring(tag, signal))),
      ]);
    return earlier.length === 0 ? bring() : Promise.all(earlier).then(bring);
  }

  /**
   * Rejects commands that wait for too long for all keys of a tag. Returns what ends that, and
   * tells whether they were.
   */
  #limit(commands: readonly Command[], tags: readonly string[]): () => boolean {
    if (tags.length === 0) return () => false;
    const { service, handover } = this.#host.own;
    const forMs = Math.min(handover!.settleMs + handover!.windowMs, MAX_TIMER_MS);
    let over = false;
    const timer = this.#host.clock.after(forMs, () => {
      over = true;
      this.counts.failed++;
      for (const command of commands) command.reject(tagLate(service, command.name, forMs));
    });
    return () => {
      timer.cancel();
      return over;
    };
  }

  #sendTo(
    target: Target,
    commands: readonly Command[],
    keys: readonly RedisKey[],
    ids: readonly string[],
    send: (to: Shard | undefined) => void,
  ): void {
    const places = ids.map((id) => this.#settled.get(id));
    if (places.every((place) => place === places[0])) {
      send(places[0]);
      return;
    }
    const names = places.map((place) => (place ?? target).name);
    const error = new CrossShardError(this.#host.own.service, commands[0]!.name, keys, names);
    for (const command of commands) command.reject(error);
  }

  #isSettled(id: string, key: RedisKey, owner: Shard): boolean {
    if (this.#settling.unknown) return false;
    if (this.#settled.has(id) || this.#windows.sourcesOf(key, owner).length === 0) return true;
    const tag = tagOf(key);
    return tag !== undefined && this.#tags.has(tag);
  }

  /** For a command. */
  async #counted(bringing: Promise<void>): Promise<void> {
    try {
      await bringing;
    } catch (error) {
      this.counts.failed++;
      throw error;
    }
  }

  async #bringHere(id: string, key: RedisKey): Promise<void> {
    // Again: it may have begun anew.
    while (this.#settling.over !== undefined) await this.#settling.over;
    if (this.#settled.has(id)) return;
    const to = this.#host.current().shardOf(key);
    const change = this.#change;
    let stays: Shard | undefined;
    let found = false;
    for (const from of this.#windows.sourcesOf(key, to)) {
      if (change !== this.#change) return;
      let move: Move;
      try {
        move = await this.#move(key, from, to);
      } catch (error) {
        // What is there is older than what was found, or nothing that counts: it was given up, or
        // swept, and is closed.
        if (found || !this.#windows.sourcesOf(key, to).includes(from)) continue;
        throw error;
      }
      if (move.how === 'tooLarge') {
        stays = from;
        break;
      }
      // And on: an owner of even before may have a copy that must not be found again.
      found ||= move.how !== 'absent';
    }
    // Another change in between: what was found out is about owners of yesterday.
    if (change === this.#change) this.#remember(id, stays);
  }

  async #move(key: RedisKey, from: Shard, to: Shard): Promise<Move> {
    const { own, random, clock } = this.#host;
    const { service, reservedPrefix } = own;
    const { maxValueBytes } = own.handover!;
    const pause = (ms: number): Promise<void> => new Promise((resolve) => void clock.awaited(ms, resolve));
    const newTicket = (): string => `${random.below(2 ** 30).toString(36)}.${random.below(2 ** 30).toString(36)}`;
    const move = await this.#slots.run(from, to, () =>
      moveKey(key, from, to, { service, reservedPrefix, maxValueBytes, newTicket, ticketMs: TICKET_MS, pause }),
    );
    this.counts[move.how]++;
    if ('bytes' in move) {
      this.counts.movedBytes += move.bytes;
      from.counts.movedOut++;
      to.counts.movedIn++;
    }
    return move;
  }

  #remember(id: string, stays: Shard | undefined): void {
    if (this.#settled.size >= MAX_SETTLED) {
      const [oldest] = this.#settled.keys();
      this.#settled.delete(oldest!);
    }
    this.#settled.set(id, stays);
  }
}

/** One name for one key, whether given as text or as bytes. */
function idOf(key: RedisKey): string {
  if (typeof key !== 'string') return key.toString('latin1');
  return Buffer.byteLength(key) === key.length ? key : Buffer.from(key).toString('latin1');
}
