import { Semaphore } from '../../../src/adapter.js';
import type { Clock, Random, Timer } from '../../../src/index.js';
import { CrossShardError, type RedisKey, shardUnavailable } from '../common/errors.js';
import { MAX_TIMER_MS, type ShardedSettings } from '../common/options.js';
import type { Command } from '../driver/driver.js';
import { isReserved } from '../failover/key-names.js';
import type { RouteSource, Routes } from '../shards/on-failure.js';
import type { Shard, Target } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { sweep } from '../shards/sweep.js';
import { HandoverRoutes } from './handover-target.js';
import { type Move, moveKey } from './key-move.js';
import { SettlingKeys } from './settling.js';

/** What became of keys that have another owner than before; counted over the client's life. */
export interface HandoverStats {
  readonly active: boolean;
  readonly moved: number;
  readonly movedBytes: number;
  /** Looked for at the owner before, which had nothing. */
  readonly absent: number;
  /** Found at the new owner already. */
  readonly present: number;
  /** Above `maxValueBytes`: served by the owner before until the window is over. */
  readonly tooLarge: number;
  /**
   * Written at the owner before, by a client that had not heard of the change, after they had been
   * moved.
   */
  readonly conflict: number;
  /** An owner could not be asked; the commands that wanted the key failed. */
  readonly failed: number;
  /** Commands that wait for a key at this moment. */
  readonly waiting: number;
}

export interface HandoverHost {
  /** Where commands go once their keys are there. */
  readonly routes: RouteSource;
  readonly own: ShardedSettings;
  readonly clock: Clock;
  readonly random: Random;
  current(): ShardSet;
  keysOf(command: Command): readonly RedisKey[];
  /** Decides anew where a command goes. */
  route(command: Command): void;
  /** A window is over; these are asked no more. */
  release(shards: readonly Shard[]): void;
}

/** What was before a change. */
interface Window {
  readonly set: ShardSet;
  timer?: Timer;
}

/**
 * Keys of which it is known, in this window, where they are. The oldest is forgotten, and looked
 * for again.
 */
const MAX_SETTLED = 100_000;

/**
 * Changes that are remembered at a time, so that a list of servers that flaps does not fill the
 * memory.
 */
const MAX_WINDOWS = 8;

/** Background moves in flight; few, so that moves with a waiting command find a slot. */
const AT_A_TIME = 8;

/**
 * After a change of the topology, for a while: a key that has another owner now is brought there
 * before the first command that names it, and the others meanwhile. Commands of one key keep their
 * order.
 *
 * Other clients hear of the change at other moments. One that has not would write at the owner
 * before what is not there any longer, so nobody moves a key, or names it, until all have had the
 * time to hear (`settleMs`).
 */
export class Handover implements RouteSource {
  readonly #host: HandoverHost;
  readonly #slots: Semaphore;
  readonly #routes = new WeakMap<Shard, Routes>();
  /** The newest first. */
  #windows: readonly Window[] = [];
  /**
   * By key: the shard that keeps it although it is not its owner, or undefined where all is as it
   * should be.
   */
  readonly #settled = new Map<string, Shard | undefined>();
  /** The last command that waits for a key. */
  readonly #tails = new Map<string, Promise<void>>();
  readonly #counts = { moved: 0, movedBytes: 0, absent: 0, present: 0, tooLarge: 0, conflict: 0, failed: 0 };
  #waiting = 0;
  /** Counts the changes. */
  #change = 0;
  /** Until the others have heard of the latest one. */
  readonly #settling: SettlingKeys;
  #closed = false;

  constructor(host: HandoverHost) {
    this.#host = host;
    this.#slots = new Semaphore(host.own.handover!.maxMoves);
    this.#settling = new SettlingKeys(host.clock);
  }

  get active(): boolean {
    return this.#windows.length > 0;
  }

  get stats(): HandoverStats {
    return { active: this.active, ...this.#counts, waiting: this.#waiting };
  }

  /** Those that own nothing any longer and still hold keys. */
  get leaving(): readonly Shard[] {
    const { shards } = this.#host.current();
    return [...new Set(this.#windows.flatMap(({ set }) => set.shards))].filter((shard) => !shards.includes(shard));
  }

  /** As `onFailure` has them, with keys brought before they are used. */
  routesOf(shard: Shard): Routes {
    let routes = this.#routes.get(shard);
    if (routes === undefined) {
      routes = new HandoverRoutes(shard, this.#host.routes.routesOf(shard), this);
      this.#routes.set(shard, routes);
    }
    return routes;
  }

  /** The topology was changed: `before` is what it was. */
  begin(before: ShardSet): void {
    const set = this.#host.current();
    if (before.shards.length === 0) {
      this.#closed = false;
      return;
    }
    this.#change++;
    const window: Window = { set: before };
    const leaving = this.leaving;
    this.#windows[MAX_WINDOWS - 1]?.timer?.cancel();
    this.#windows = [window, ...this.#windows].slice(0, MAX_WINDOWS);
    this.#settled.clear();
    const still = this.leaving;
    this.#host.release(leaving.filter((shard) => !still.includes(shard) && !set.shards.includes(shard)));
    const { windowMs, settleMs, background } = this.#host.own.handover!;
    this.#settling.begin(settleMs);
    window.timer = this.#host.clock.after(Math.min(settleMs + windowMs, MAX_TIMER_MS), () => this.#end(window));
    if (!background) return;
    for (const shard of before.shards) {
      if (shard.readOnly) continue;
      const going = (): boolean => !this.#closed && this.#windows[0] === window;
      void sweep(shard, this.#host, going, (keys) => this.#bringAll(keys, shard));
    }
  }

  close(): void {
    this.#closed = true;
    this.#settling.end();
    const { leaving } = this;
    for (const { timer } of this.#windows) timer?.cancel();
    this.#windows = [];
    this.#settled.clear();
    this.#host.release(leaving);
  }

  #end(window: Window): void {
    const before = this.leaving;
    this.#windows = this.#windows.filter((each) => each !== window);
    const still = this.leaving;
    if (!this.active) this.#settled.clear();
    this.#host.release(before.filter((shard) => !still.includes(shard)));
  }

  /**
   * Sends commands once their keys are where they go. `send` is told of another shard where they
   * have to stay there.
   */
  bring(target: Target, commands: readonly Command[], send: (to: Shard | undefined) => void): void {
    let keys: readonly RedisKey[] = [];
    try {
      if (this.active) keys = commands.flatMap((command) => this.#host.keysOf(command));
    } catch (error) {
      for (const command of commands) command.reject(error as Error);
      return;
    }
    const ids = keys.map(idOf);
    if (ids.every((id, i) => !this.#tails.has(id) && this.#isSettled(id, keys[i]!, target.shard))) {
      this.#sendTo(target, commands, keys, ids, send);
      return;
    }
    const { service, maxOfflineCommands } = this.#host.own;
    if (this.#waiting >= Math.max(maxOfflineCommands, 1)) {
      const error = shardUnavailable(
        service,
        target.name,
        `takes over keys, and ${this.#waiting} commands wait already`,
      );
      for (const command of commands) command.reject(error);
      return;
    }
    this.#waiting++;
    const change = this.#change;
    const ready = Promise.all(keys.map((key, i) => this.#after(ids[i]!, key)));
    const sent = ready.then(
      () => {
        if (change === this.#change) this.#sendTo(target, commands, keys, ids, send);
        else this.#again(target, commands);
      },
      (error: Error) => {
        for (const command of commands) command.reject(error);
      },
    );
    this.#queue(ids, sent, () => this.#waiting--);
  }

  /**
   * The topology changed while they waited. Their order is that of the promises they waited for.
   */
  #again(target: Target, commands: readonly Command[]): void {
    const [command] = commands;
    if (commands.length === 1) this.#host.route(command!);
    else {
      const { service } = this.#host.own;
      for (const each of commands) each.reject(shardUnavailable(service, target.name, 'has given its keys to another'));
    }
  }

  async #bringAll(keys: readonly Buffer[], from: Shard): Promise<void> {
    const set = this.#host.current();
    const foreign = keys.filter((key) => !isReserved(key) && !haveSameData(from, set.shardOf(key)));
    for (let i = 0; i < foreign.length; i += AT_A_TIME) {
      await Promise.all(foreign.slice(i, i + AT_A_TIME).map((key) => this.#bringOne(key)));
    }
  }

  async #bringOne(key: Buffer): Promise<void> {
    const owner = this.#host.current().shardOf(key);
    const id = idOf(key);
    if (this.#isSettled(id, key, owner)) return;
    const done = this.#after(id, key).catch(() => {});
    this.#queue([id], done, () => {});
    await done;
  }

  #queue(ids: readonly string[], done: Promise<void>, over: () => void): void {
    for (const id of ids) this.#tails.set(id, done);
    void done.then(() => {
      over();
      for (const id of ids) if (this.#tails.get(id) === done) this.#tails.delete(id);
    });
  }

  #after(id: string, key: RedisKey): Promise<void> {
    const tail = this.#tails.get(id);
    const bring = (): Promise<void> => this.#slots.run(() => this.#bringHere(id, key));
    return tail === undefined ? bring() : tail.then(bring);
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
    return this.#settled.has(id) || this.#sources(key, owner).length === 0;
  }

  /** Who owned the key before, the latest first. */
  #sources(key: RedisKey, owner: Shard): Shard[] {
    const sources: Shard[] = [];
    for (const { set } of this.#windows) {
      const shard = set.shardOf(key);
      if (!haveSameData(shard, owner) && !sources.includes(shard)) sources.push(shard);
    }
    return sources;
  }

  async #bringHere(id: string, key: RedisKey): Promise<void> {
    // Again: it may have begun anew.
    while (this.#settling.over !== undefined) await this.#settling.over;
    if (this.#settled.has(id)) return;
    const to = this.#host.current().shardOf(key);
    const { service, handover } = this.#host.own;
    const change = this.#change;
    let stays: Shard | undefined;
    for (const from of this.#sources(key, to)) {
      let move: Move;
      try {
        move = await moveKey(service, key, from, to, handover!.maxValueBytes);
      } catch (error) {
        this.#counts.failed++;
        throw error;
      }
      this.#counts[move.how]++;
      if ('bytes' in move) this.#counts.movedBytes += move.bytes;
      if (move.how === 'tooLarge') stays = from;
      if (move.how !== 'absent') break;
    }
    // Another change in between: what was found out is about owners of yesterday.
    if (change === this.#change) this.#remember(id, stays);
  }

  #remember(id: string, stays: Shard | undefined): void {
    if (this.#settled.size >= MAX_SETTLED) {
      const [oldest] = this.#settled.keys();
      this.#settled.delete(oldest!);
    }
    this.#settled.set(id, stays);
  }
}

/** The same server, or one that replicated the other: a promotion moves no key. */
function haveSameData(before: Shard, now: Shard): boolean {
  if (before.address === now.address) return true;
  if (before.name !== now.name) return false;
  return before.readOnly || before.replicas.some(({ address }) => address === now.address);
}

/** One name for one key, whether given as text or as bytes. */
function idOf(key: RedisKey): string {
  if (typeof key !== 'string') return key.toString('latin1');
  return Buffer.byteLength(key) === key.length ? key : Buffer.from(key).toString('latin1');
}
