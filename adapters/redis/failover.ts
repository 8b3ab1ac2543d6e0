import type { Clock } from '../../src/index.js';
import { type Command, ownCommand } from './driver.js';
import type { RedisKey } from './errors.js';
import { Held } from './held.js';
import { removeLeftovers } from './leftovers.js';
import { NamespacedTarget } from './namespace.js';
import type { ReadShardedOptions } from './options.js';
import { cleanse } from './quarantine.js';
import type { Shard, ShardWatch, Target } from './shard.js';
import {
  missedField,
  OWN,
  parseRecord,
  recordKey,
  type ShardRecord,
  STAND_IN,
  Tokens,
  tokenOf,
} from './shard-record.js';
import type { ShardSet } from './shard-set.js';

/** What it leaves to the client. */
export interface FailoverHost {
  readonly own: ReadShardedOptions;
  readonly clock: Clock;
  readonly commandTimeoutMs: number | undefined;
  current(): ShardSet;
  keysOf(command: Command): readonly RedisKey[];
  /** Decides anew where a command goes. */
  route(command: Command): void;
  error(error: Error): void;
}

/** What is known of one shard. */
interface Entry {
  readonly held: Held;
  /** Where commands for its own keys go while it can be used. */
  readonly own: Target;
  /** As its server told, or as we wrote it since; undefined as long as it has not told. */
  record: ShardRecord | undefined;
  /** Counts what we wrote into the record: an answer to an earlier question is not believed. */
  writes: number;
  /** Others may have taken writes for it. */
  missed: boolean;
  answering: boolean;
  asking: boolean;
  admitted: boolean;
  /** Changes with every break: an admission under way ends. */
  attempt: number;
  admitting: boolean;
}

/**
 * The policy `next`, for caches: the keys of a shard that is down go to the next shards on the ring, and when it is back
 * it is not used before nothing in it can be older than what others wrote meanwhile.
 *
 * Two things may be stale. What the shard itself held: it misses the writes of its absence, so it is cleared by the
 * quarantine on its return. And what others held for it in an earlier absence: keys that a shard holds for others
 * are kept in a namespace, and every absence begins with a new one. Both are written down at the servers, in the
 * record that each probe reads, so that clients agree within a probe interval and one that dies or starts meanwhile
 * leaves no gap.
 */
export class Failover implements ShardWatch {
  readonly #host: FailoverHost;
  readonly #key: string;
  readonly #tokens: Tokens;
  readonly #entries = new Map<Shard, Entry>();
  /** Counts the changes of the topology. */
  #change = 0;

  constructor(host: FailoverHost) {
    this.#host = host;
    const { service, quarantine } = host.own;
    this.#key = recordKey(service, typeof quarantine === 'object' ? 'wait' : quarantine);
    this.#tokens = new Tokens(() => host.clock.wallMs());
  }

  get #recorded(): boolean {
    return this.#host.own.quarantine !== 'none';
  }

  adopt(shard: Shard): void {
    const { own, clock, commandTimeoutMs, keysOf } = this.#host;
    const held = new Held(own.maxOfflineCommands, commandTimeoutMs, clock);
    const host = { service: own.service, keysOf, emptied: (emptied: Shard) => this.#emptied(emptied) };
    const ownNamespace = (): string | undefined => {
      if (!entry.admitted) return undefined;
      return own.quarantine === 'generation' ? entry.record?.own : '';
    };
    const standIn = (): string | undefined => {
      if (!entry.admitted) return undefined;
      return this.#recorded ? entry.record?.standIn : '';
    };
    const entry: Entry = {
      held,
      own: new NamespacedTarget(shard, host, held, ownNamespace),
      record: undefined,
      writes: 0,
      missed: false,
      answering: false,
      asking: false,
      admitted: false,
      attempt: 0,
      admitting: false,
    };
    shard.target = entry.own;
    shard.standIn = new NamespacedTarget(shard, host, held, standIn);
    shard.listing = new NamespacedTarget(shard, host, held, ownNamespace);
    this.#entries.set(shard, entry);
  }

  /** The shard has left; what waits for it goes elsewhere. */
  forget(shard: Shard): void {
    const entry = this.#entries.get(shard);
    if (entry === undefined) return;
    this.#entries.delete(shard);
    entry.attempt++;
    entry.admitted = false;
    entry.held.reroute(this.#host.own.service, shard.listing, this.#host.route);
    this.#consider();
  }

  /** Shards came or left: what the others hold of their keys is removed, where it can be told from what is not ours. */
  changedTopology(): void {
    const change = ++this.#change;
    if (this.#host.own.quarantine !== 'generation' || this.#entries.size < 2) return;
    for (const [shard, entry] of this.#entries) {
      const going = (): boolean => this.#change === change && this.#entries.has(shard);
      void removeLeftovers(shard, this.#host, () => (entry.admitted ? entry.record?.own : undefined), going);
    }
  }

  close(): void {
    this.#change++;
  }

  probe(shard: Shard): Command {
    const entry = this.#entries.get(shard);
    if (!this.#recorded || entry === undefined) return ownCommand('ping');
    const others = this.#others(shard).map(({ name }) => name);
    const command = ownCommand('hmget', [this.#key, OWN, STAND_IN, ...others.map(missedField)]);
    const { writes, attempt } = entry;
    entry.asking = true;
    command.promise.then(
      (reply) => {
        entry.asking = false;
        if (entry.attempt === attempt && entry.writes === writes) {
          this.#told(shard, entry, parseRecord(reply, others));
        } else if (entry.record === undefined && entry.answering) shard.issue(this.probe(shard));
      },
      (error: Error) => {
        entry.asking = false;
        if (error.name === 'ReplyError') this.#host.error(error);
      },
    );
    return command;
  }

  answered(shard: Shard): void {
    const entry = this.#entries.get(shard);
    if (entry === undefined) return;
    entry.answering = true;
    if (this.#recorded && entry.record === undefined && !entry.asking) shard.issue(this.probe(shard));
    this.#consider();
  }

  changed(shard: Shard): void {
    const entry = this.#entries.get(shard);
    if (entry === undefined || shard.state === 'up' || shard.state === 'quarantined') return;
    entry.attempt++;
    entry.admitting = false;
    entry.admitted = false;
    entry.answering = false;
    entry.record = undefined;
    shard.target = entry.own;
    if (shard.state === 'down') this.#out(shard, entry);
  }

  /** From now on, others stand in for it; first of all they note down that they do. */
  #out(shard: Shard, entry: Entry): void {
    shard.serving = false;
    // Says that it is down, where nobody else is left either.
    shard.target = shard;
    if (this.#entries.size > 1) entry.missed = true;
    for (const [other, its] of this.#entries) if (its.admitted) this.#renew(other, its);
    entry.held.reroute(this.#host.own.service, shard.listing, this.#host.route);
    this.#consider();
  }

  /** A new namespace for what it holds for others, and a note of who they are. Before whatever is sent to it next. */
  #renew(shard: Shard, entry: Entry): void {
    this.#write(shard, entry, { [STAND_IN]: this.#tokens.next() }, this.#marksFor(shard));
  }

  /** The namespaces stay what they are, so that what is written next is found. */
  #emptied(shard: Shard): void {
    const entry = this.#entries.get(shard);
    if (entry?.record === undefined) return;
    const { own, standIn } = entry.record;
    const tokens: Record<string, string> = {};
    if (own !== undefined) tokens[OWN] = tokenOf(own);
    if (standIn !== undefined) tokens[STAND_IN] = tokenOf(standIn);
    this.#write(shard, entry, tokens, this.#marksFor(shard));
  }

  /** The others that miss writes. */
  #marksFor(shard: Shard): string[] {
    const missing = [...this.#entries].filter(([other, { missed }]) => missed && other !== shard);
    return missing.flatMap(([{ name }]) => [missedField(name), '1']);
  }

  /** Writes tokens (and marks) into the record; what is known of it follows at once, as commands keep their order. */
  #write(shard: Shard, entry: Entry, tokens: Readonly<Record<string, string>>, marks: readonly string[] = []): void {
    if (!this.#recorded) return;
    entry.writes++;
    const command = ownCommand('hset', [this.#key, ...Object.entries(tokens).flat(), ...marks]);
    command.promise.catch((error: Error) => {
      if (error.name === 'ReplyError') this.#host.error(error);
    });
    shard.issue(command);
    const before = entry.record;
    const written = parseRecord([tokens[OWN], tokens[STAND_IN]], []);
    entry.record = {
      own: written.own ?? before?.own,
      standIn: written.standIn ?? before?.standIn,
      missed: before?.missed ?? new Set(),
    };
  }

  #told(shard: Shard, entry: Entry, record: ShardRecord): void {
    const lacking: string[] = [];
    if (record.standIn === undefined) lacking.push(STAND_IN);
    if (record.own === undefined && this.#host.own.quarantine === 'generation') lacking.push(OWN);
    if (lacking.length > 0) {
      // Whoever is first decides; what is absent was lost, and then so is what it stood for.
      for (const field of lacking) {
        const command = ownCommand('hsetnx', [this.#key, field, this.#tokens.next()]);
        command.promise.catch((error: Error) => {
          if (error.name === 'ReplyError') this.#host.error(error);
        });
        shard.issue(command);
      }
      entry.writes++;
      shard.issue(this.probe(shard));
      return;
    }
    entry.record = record;
    if (entry.admitted) this.#remark(shard, entry, record);
    this.#consider();
  }

  /** Somebody emptied the server, or cleared what we still miss: it has to be written down until it is true no longer. */
  #remark(shard: Shard, entry: Entry, record: ShardRecord): void {
    const lost = this.#others(shard).filter((other) => {
      const its = this.#entries.get(other)!;
      return its.missed && !its.admitted && !record.missed.has(other.name);
    });
    if (lost.length > 0) {
      this.#write(
        shard,
        entry,
        {},
        lost.flatMap(({ name }) => [missedField(name), '1']),
      );
    }
  }

  /** Lets in those of which enough is known: what the others' records say of them as well. */
  #consider(): void {
    for (const [shard, entry] of this.#entries) {
      if (!entry.answering || entry.admitted || entry.admitting) continue;
      if (this.#recorded && entry.record === undefined) continue;
      if (this.#others(shard).every((other) => this.#known(other))) void this.#admit(shard, entry);
    }
  }

  #known(shard: Shard): boolean {
    return !this.#recorded || shard.state === 'down' || this.#entries.get(shard)!.record !== undefined;
  }

  async #admit(shard: Shard, entry: Entry): Promise<void> {
    const { attempt } = entry;
    const others = this.#others(shard);
    const noted = others.filter((other) => this.#entries.get(other)!.record?.missed.has(shard.name) === true);
    if (this.#recorded && (entry.missed || noted.length > 0)) {
      entry.admitting = true;
      shard.quarantine();
      try {
        await cleanse(shard, this.#host.own.quarantine, this.#host.clock);
      } catch (error) {
        // It stays out; the next probe tries again.
        this.#host.error(error as Error);
        if (entry.attempt === attempt) entry.admitting = false;
        return;
      }
      if (entry.attempt !== attempt) return;
      entry.admitting = false;
      this.#write(shard, entry, this.#freshTokens());
      for (const other of others) this.#clear(other, shard.name);
    }
    entry.missed = false;
    entry.admitted = true;
    if ([...this.#entries.values()].some(({ missed }) => missed)) this.#renew(shard, entry);
    shard.target = this.#host.own.quarantine === 'generation' ? entry.own : shard;
    shard.serving = true;
    shard.admit();
    entry.held.release();
  }

  /** Nothing that was written before is found any more. */
  #freshTokens(): Record<string, string> {
    const standIn = { [STAND_IN]: this.#tokens.next() };
    return this.#host.own.quarantine === 'generation' ? { [OWN]: this.#tokens.next(), ...standIn } : standIn;
  }

  /** It has missed nothing that counts any longer. */
  #clear(other: Shard, name: string): void {
    const entry = this.#entries.get(other)!;
    if (entry.record === undefined) return;
    entry.writes++;
    const missed = new Set(entry.record.missed);
    missed.delete(name);
    entry.record = { ...entry.record, missed };
    const command = ownCommand('hdel', [this.#key, missedField(name)]);
    command.promise.catch(() => {});
    other.issue(command);
  }

  #others(shard: Shard): Shard[] {
    return [...this.#entries.keys()].filter((other) => other !== shard);
  }
}
