import type { Command, Redis } from '../driver/driver.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';

/** What the client emits to whoever listens. */
type Emit = (event: string, ...args: unknown[]) => void;

/**
 * Channels live on the shard that their name hashes to, patterns on all. Each shard has a
 * connection of its own for them, made when first needed: ioredis subscribes again by itself when
 * it breaks. When the shards change, channels move to their new owners.
 */
export class Subscriptions {
  readonly #connections = new Map<Shard, Redis>();
  readonly #emit: Emit;
  readonly #stringNumbers: boolean;
  /**
   * By kind: `subscribe`, `psubscribe`, `ssubscribe`. Names as latin1, so that binary ones survive.
   */
  readonly #names: Readonly<Record<Kind, Set<string>>> = {
    subscribe: new Set(),
    psubscribe: new Set(),
    ssubscribe: new Set(),
  };
  #closed = false;

  /** `stringNumbers`: as the option of ioredis. */
  constructor(emit: Emit, stringNumbers: boolean) {
    this.#emit = emit;
    this.#stringNumbers = stringNumbers;
  }

  /** Something is subscribed. */
  get active(): boolean {
    return this.#count() + this.#names.ssubscribe.size > 0;
  }

  /** Settles the command with the number of subscriptions, as Redis counts them. */
  handle(command: Command, name: string, set: ShardSet): void {
    const leaving = name.includes('unsubscribe');
    const kind = (leaving ? name.replace('un', '') : name) as Kind;
    const given = (command.args as (string | Buffer)[]).map((arg) => Buffer.from(arg as string));
    if (!leaving && given.length === 0) {
      // The server says best what is wrong with it.
      set.any.send(command);
      return;
    }
    const channels = leaving && given.length === 0 ? this.#all(kind) : given;
    const work = leaving ? this.#leave(kind, channels, set) : this.#join(kind, channels, set);
    work.then(
      () => {
        const count = kind === 'ssubscribe' ? this.#names.ssubscribe.size : this.#count();
        command.resolve(this.#stringNumbers ? String(count) : count);
      },
      (error: Error) => command.reject(error),
    );
  }

  /** Moves the channels to where they belong now. */
  async follow(set: ShardSet): Promise<void> {
    for (const [shard, connection] of this.#connections) {
      if (set.shards.includes(shard)) continue;
      this.#connections.delete(shard);
      connection.disconnect();
    }
    if (set.shards.length === 0 || this.#closed) return;
    for (const kind of ['subscribe', 'psubscribe', 'ssubscribe'] as const) {
      const names = this.#all(kind);
      if (names.length === 0) continue;
      await this.#join(kind, names, set);
      await this.#dropMoved(kind, names, set);
    }
  }

  open(): void {
    this.#closed = false;
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.disconnect();
    this.#connections.clear();
    for (const names of Object.values(this.#names)) names.clear();
  }

  #count(): number {
    return this.#names.subscribe.size + this.#names.psubscribe.size;
  }

  #all(kind: Kind): Buffer[] {
    return [...this.#names[kind]].map((name) => Buffer.from(name, 'latin1'));
  }

  /** Only those that are with the server count. */
  async #join(kind: Kind, channels: readonly Buffer[], set: ShardSet): Promise<void> {
    await this.#send(kind, kind, channels, set);
    for (const channel of channels) this.#names[kind].add(channel.toString('latin1'));
  }

  async #leave(kind: Kind, channels: readonly Buffer[], set: ShardSet): Promise<void> {
    for (const channel of channels) this.#names[kind].delete(channel.toString('latin1'));
    await this.#send(kind, LEAVE[kind], channels, set);
  }

  async #send(kind: Kind, name: string, channels: readonly Buffer[], set: ShardSet): Promise<void> {
    const byShard = new Map<Shard, Buffer[]>();
    for (const channel of channels) {
      for (const shard of kind === 'psubscribe' ? set.shards : [set.ownerOf(channel).shard]) {
        byShard.set(shard, [...(byShard.get(shard) ?? []), channel]);
      }
    }
    await Promise.all([...byShard].map(([shard, own]) => this.#on(shard).call(name, ...own)));
  }

  async #dropMoved(kind: Kind, names: readonly Buffer[], set: ShardSet): Promise<void> {
    if (kind === 'psubscribe') return;
    for (const [shard, connection] of this.#connections) {
      const moved = names.filter((name) => set.ownerOf(name).shard !== shard);
      if (moved.length > 0) await connection.call(LEAVE[kind], ...moved);
    }
  }

  #on(shard: Shard): Redis {
    let connection = this.#connections.get(shard);
    if (connection === undefined) {
      connection = shard.connect({ enableOfflineQueue: true, autoResubscribe: true });
      connection.on('error', () => {});
      for (const event of EVENTS) connection.on(event, (...args: unknown[]) => this.#emit(event, ...args));
      this.#connections.set(shard, connection);
    }
    return connection;
  }
}

type Kind = 'subscribe' | 'psubscribe' | 'ssubscribe';

const LEAVE: Readonly<Record<Kind, string>> = {
  subscribe: 'unsubscribe',
  psubscribe: 'punsubscribe',
  ssubscribe: 'sunsubscribe',
};

const EVENTS = ['message', 'messageBuffer', 'pmessage', 'pmessageBuffer', 'smessage', 'smessageBuffer'] as const;
