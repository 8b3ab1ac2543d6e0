import type { Clock, Timer } from '../../../src/index.js';
import { breakConnection, ownCommand, type Redis, rawCommand } from '../driver/driver.js';
import type { Shard } from '../shards/shard.js';

/** Channels, patterns, and channels of sharded publishing, by the command that joins them. */
export type Kind = 'subscribe' | 'psubscribe' | 'ssubscribe';

export const KINDS: readonly Kind[] = ['subscribe', 'psubscribe', 'ssubscribe'];

/** Names by kind; as latin1, so that binary ones survive. */
type Names = Readonly<Record<Kind, Set<string>>>;

/** What a subscriber reports. */
export interface SubscriberHost {
  readonly clock: Clock;
  /** The server has agreed: it holds these names now, or holds them no more. */
  agreed(kind: Kind, names: readonly string[]): void;
  /** The server has refused a name; it is asked again from time to time. */
  refused(kind: Kind, name: string, error: Error): void;
  /** The connection broke: the server holds nothing. */
  lost(): void;
  heard(event: MessageEvent, args: readonly Buffer[]): void;
}

/**
 * The connection on which one shard's channels are heard. It receives what the server should hold,
 * and brings the server there step by step: after a connection that broke it begins anew with all
 * of it, and a server that does not answer gets another connection.
 */
export class Subscriber {
  readonly shard: Shard;
  /**
   * Its shard has left: what it holds stays until it is held elsewhere, and a broken connection is
   * not made again.
   */
  leaving = false;
  readonly #host: SubscriberHost;
  readonly #connection: Redis;
  readonly #wanted: Names = noNames();
  readonly #held: Names = noNames();
  /** Where the two may differ. */
  readonly #due: Names = noNames();
  /** Refused by the server, until they are due again. */
  readonly #refused: Names = noNames();
  #stepping = false;
  /** Under way. */
  #step: Step | undefined;
  /** Counts connections: what one has answered does not hold for the next. */
  #epoch = 0;
  #timer: Timer | undefined;
  #looks = 0;
  /** Looks in a row that found an unanswered PING; undefined without one. */
  #silentLooks: number | undefined;
  #closed = false;

  constructor(shard: Shard, host: SubscriberHost) {
    this.shard = shard;
    this.#host = host;
    const connection = shard.connect({ autoResubscribe: false, retryStrategy });
    this.#connection = connection;
    connection.on('error', () => {});
    connection.on('ready', () => this.#begin());
    connection.on('close', () => this.#lost());
    for (const event of MESSAGE_EVENTS) {
      connection.on(event, (...args: Buffer[]) => this.#host.heard(event, args));
    }
    connection.connect().catch(() => {});
    this.#watch();
  }

  /** Nothing is wanted here, or its shard has left and what was held is lost. */
  get over(): boolean {
    if (this.leaving && this.#connection.status !== 'ready') return true;
    return this.leaving && KINDS.every((kind) => this.#wanted[kind].size === 0);
  }

  /** The server has agreed, on the connection that there is now, and is not asked to let go. */
  holds(kind: Kind, name: string): boolean {
    return this.#held[kind].has(name);
  }

  /** The server holds it, or may: it was asked to, or to let go. */
  mayHold(kind: Kind, name: string): boolean {
    return this.#held[kind].has(name) || (this.#step?.kind === kind && this.#step.names.includes(name));
  }

  want(kind: Kind, name: string): void {
    if (this.#wanted[kind].has(name)) return;
    this.#wanted[kind].add(name);
    this.#changed(kind, name);
  }

  drop(kind: Kind, name: string): void {
    if (!this.#wanted[kind].delete(name)) return;
    this.#refused[kind].delete(name);
    this.#changed(kind, name);
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#connection.disconnect();
  }

  #changed(kind: Kind, name: string): void {
    this.#due[kind].add(name);
    if (this.#stepping) return;
    this.#stepping = true;
    // All that one command names goes together.
    queueMicrotask(() => void this.#steps());
  }

  /**
   * One after the other: where two would be under way at once, the second could overtake what the
   * first decided.
   */
  async #steps(): Promise<void> {
    for (let step = this.#next(); step !== undefined; step = this.#next()) await this.#take(step);
    this.#stepping = false;
  }

  #next(): Step | undefined {
    if (this.#closed || this.#connection.status !== 'ready') return undefined;
    for (const kind of KINDS) {
      const join: string[] = [];
      const leave: string[] = [];
      for (const name of this.#due[kind]) {
        const wanted = this.#wanted[kind].has(name);
        if (wanted === this.#held[kind].has(name)) this.#due[kind].delete(name);
        else (wanted ? join : leave).push(name);
      }
      if (leave.length > 0) return { kind, command: LEAVE[kind], names: leave };
      if (join.length > 0) return { kind, command: kind, names: join };
    }
    return undefined;
  }

  async #take(step: Step): Promise<void> {
    const { kind, command, names } = step;
    const epoch = this.#epoch;
    this.#step = step;
    if (command !== kind) for (const name of names) this.#held[kind].delete(name);
    let error: Error | undefined;
    try {
      await this.#connection.sendCommand(rawCommand(command, names.map(toBuffer)));
    } catch (thrown) {
      error = thrown as Error;
    }
    this.#step = undefined;
    if (this.#epoch !== epoch) return;
    if (command !== kind && this.#wasDeafened(kind)) return this.#anew();
    if (error !== undefined) await this.#failed(step, error);
    else {
      if (command === kind) for (const name of names) this.#held[kind].add(name);
      this.#host.agreed(kind, names);
    }
  }

  /**
   * A server counts sharded channels and all others apart, and ioredis (5 and 6) takes a count of 0
   * for the end of all: what it is sent from then on it does not hear.
   */
  #wasDeafened(left: Kind): boolean {
    const sharded = left === 'ssubscribe';
    const isEmpty = (kind: Kind): boolean => this.#held[kind].size === 0;
    const [same, others] = [KINDS.filter((kind) => (kind === 'ssubscribe') === sharded), KINDS];
    return same.every(isEmpty) && !others.every(isEmpty);
  }

  /** By another connection, with all that is wanted. */
  #anew(): void {
    breakConnection(this.#connection);
    this.#lost();
  }

  async #failed({ kind, command, names }: Step, error: Error): Promise<void> {
    if (error.name !== 'ReplyError' || command !== kind) {
      // What it holds is not known: it may come to it yet.
      this.#anew();
    } else if (names.length === 1) this.#refuse(kind, names[0]!, error);
    else for (const name of names) await this.#alone(kind, name);
  }

  /** One of several was refused, and with it all: each is asked for by itself. */
  async #alone(kind: Kind, name: string): Promise<void> {
    if (this.#closed || this.#connection.status !== 'ready') return;
    if (this.#wanted[kind].has(name)) await this.#take({ kind, command: kind, names: [name] });
  }

  #refuse(kind: Kind, name: string, error: Error): void {
    this.#due[kind].delete(name);
    this.#refused[kind].add(name);
    this.#host.refused(kind, name, error);
  }

  #begin(): void {
    this.#silentLooks = undefined;
    for (const kind of KINDS) for (const name of this.#wanted[kind]) this.#changed(kind, name);
  }

  #lost(): void {
    this.#epoch++;
    this.#silentLooks = undefined;
    for (const kind of KINDS) {
      this.#held[kind].clear();
      this.#due[kind].clear();
      this.#refused[kind].clear();
    }
    if (!this.#closed) this.#host.lost();
  }

  #watch(): void {
    this.#timer = this.#host.clock.after(LOOK_MS, () => {
      this.#look();
      if (!this.#closed) this.#watch();
    });
  }

  /** A path that swallows packets breaks no connection, and what is published is never heard of. */
  #look(): void {
    if (++this.#looks % REFUSED_LOOKS === 0) this.#askAgain();
    if (this.#connection.status !== 'ready') return;
    if (this.#silentLooks === undefined) this.#ping();
    else if (++this.#silentLooks >= SILENT_LOOKS) breakConnection(this.#connection);
  }

  #askAgain(): void {
    for (const kind of KINDS) {
      const again = [...this.#refused[kind]];
      this.#refused[kind].clear();
      for (const name of again) this.#changed(kind, name);
    }
  }

  #ping(): void {
    const epoch = this.#epoch;
    this.#silentLooks = 0;
    const answered = (): void => {
      if (this.#epoch === epoch) this.#silentLooks = undefined;
    };
    const ping = ownCommand('ping');
    ping.promise.then(answered, (error: Error) => {
      if (error.name === 'ReplyError') answered();
    });
    this.#connection.sendCommand(ping);
  }
}

interface Step {
  readonly kind: Kind;
  readonly command: string;
  readonly names: readonly string[];
}

export type MessageEvent = (typeof MESSAGE_EVENTS)[number];

const MESSAGE_EVENTS = ['messageBuffer', 'pmessageBuffer', 'smessageBuffer'] as const;

const LEAVE: Readonly<Record<Kind, string>> = {
  subscribe: 'unsubscribe',
  psubscribe: 'punsubscribe',
  ssubscribe: 'sunsubscribe',
};

/** One PING per shard and second, next to nothing beside the probes. */
const LOOK_MS = 1_000;
/**
 * Counted rather than timed: time in which this process itself was too busy to read answers makes
 * one look.
 */
const SILENT_LOOKS = 2;

/** Looks between two questions for a name that was refused. */
const REFUSED_LOOKS = 10;

/**
 * Whatever the option of that name is for the shard: a subscription is for as long as the client
 * lives.
 */
const retryStrategy = (times: number): number => Math.min(times * 50, 1_000);

const toBuffer = (name: string): Buffer => Buffer.from(name, 'latin1');

function noNames(): Names {
  return { subscribe: new Set(), psubscribe: new Set(), ssubscribe: new Set() };
}
