import type { Clock, Random } from '../../../src/index.js';
import { type RedisKey, shardUnavailable } from '../common/errors.js';
import type { ShardedSettings } from '../common/options.js';
import { type Command, ownCommand } from '../driver/driver.js';
import type { Shard, ShardWatch } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { HeldCommands } from './held-commands.js';
import { removeLeftovers } from './leftovers.js';
import { NamespacedTarget } from './namespaced-target.js';
import { cleanse } from './quarantine.js';
import type { ShardEntry } from './shard-entry.js';
import {
  missedField,
  namespaceOf,
  OWN,
  parseRecord,
  recordKey,
  type ShardRecord,
  STAND_IN,
  Tokens,
  tokenOf,
} from './shard-record.js';

/** What it leaves to the client. */
export interface FailoverHost {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly commandTimeoutMs: number | undefined;
  current(): ShardSet;
  keysOf(command: Command): readonly RedisKey[];
  /** Decides anew where a command goes. */
  route(command: Command): void;
  error(error: Error): void;
}

/**
 * The policy `next`, for caches: the keys of a shard that is down go to the next shards on the
 * ring, and when it is back it is not used before nothing in it can be older than what others wrote
 * meanwhile.
 *
 * Two things may be stale. What the shard itself held: it misses the writes of its absence, so it
 * is cleared by the quarantine on its return. And what others held for it in an earlier absence:
 * keys that a shard holds for others are kept in a namespace, and every absence begins with a new
 * one. Both are written down at the servers, in the record that each probe reads, so that clients
 * agree within a probe interval and one that dies or starts meanwhile leaves no gap.
 */
export class Failover implements ShardWatch {
  readonly #host: FailoverHost;
  readonly #key: string;
  readonly #tokens: Tokens;
  readonly #entries = new Map<Shard, ShardEntry>();
  /** Names of shards that left: others own their keys since. */
  readonly #departed = new Set<string>();
  /** Counts the changes of the topology. */
  #change = 0;
  #closing = new AbortController();

  constructor(host: FailoverHost) {
    this.#host = host;
    const { service, quarantine } = host.own;
    this.#key = recordKey(service, typeof quarantine === 'object' ? 'wait' : quarantine);
    this.#tokens = new Tokens(() => host.clock.wallMs(), host.random);
  }

  get #recorded(): boolean {
    return this.#host.own.quarantine !== 'none';
  }

  adopt(shard: Shard): void {
    const { own, clock, commandTimeoutMs, keysOf } = this.#host;
    const held = new HeldCommands(own.maxOfflineCommands, commandTimeoutMs, clock);
    const host = { service: own.service, keysOf, emptied: (emptied: Shard) => this.#emptied(emptied) };
    const ownNamespace = (): string | undefined => {
      if (!entry.admitted) return undefined;
      return own.quarantine === 'generation' ? entry.record?.own : '';
    };
    const standIn = (): string | undefined => {
      if (!entry.admitted) return undefined;
      return this.#recorded ? entry.record?.standIn : '';
    };
    const missed = this.#departed.delete(shard.name) || this.#namesake(shard)?.missed === true;
    const entry: ShardEntry = {
      held,
      own: new NamespacedTarget(shard, host, held, ownNamespace),
      record: undefined,
      writes: 0,
      unwritten: false,
      lacked: false,
      missed,
      answering: false,
      asking: false,
      admitted: false,
      attempt: 0,
      admitting: false,
    };
    shard.target = entry.own;
    shard.standIn = new NamespacedTarget(shard, host, held, standIn);
    shard.listing = new NamespacedTarget(shard, host, held, ownNamespace);
    // Until now there may have been nobody to stand in for those that are out.
    for (const [other, its] of this.#entries) if (!other.serving) its.missed = true;
    this.#entries.set(shard, entry);
  }

  /** The one that has the name of this one, at another address. */
  #namesake(shard: Shard): ShardEntry | undefined {
    for (const [other, entry] of this.#entries) if (other !== shard && other.name === shard.name) return entry;
    return undefined;
  }

  /** The shard has left; what waits for it goes elsewhere. */
  forget(shard: Shard): void {
    const entry = this.#entries.get(shard);
    if (entry === undefined) return;
    this.#entries.delete(shard);
    entry.attempt++;
    entry.admitted = false;
    if (this.#namesake(shard) === undefined) this.#depart(shard.name);
    entry.held.reroute(this.#host.own.service, shard.listing, this.#host.route);
    this.#consider();
  }

  /** Its keys are others' now. Should it come back, it misses what they wrote. */
  #depart(name: string): void {
    this.#departed.add(name);
    if (this.#departed.size > MAX_DEPARTED) this.#departed.delete([...this.#departed][0]!);
    for (const [other, its] of this.#entries) if (its.admitted) this.#renew(other, its);
  }

  /**
   * Shards came or left: what the others hold of their keys is removed, where it can be told from
   * what is not ours.
   */
  changedTopology(): void {
    const change = ++this.#change;
    // Those that came wait until the others have said whether they missed any writes.
    if (this.#recorded) for (const [shard, { record }] of this.#entries) if (record) shard.issue(this.probe(shard));
    if (this.#host.own.quarantine !== 'generation' || this.#entries.size < 2) return;
    for (const [shard, entry] of this.#entries) {
      const going = (): boolean => this.#change === change && this.#entries.has(shard);
      void removeLeftovers(shard, this.#host, () => (entry.admitted ? entry.record?.own : undefined), going);
    }
  }

  close(): void {
    this.#change++;
    this.#closing.abort();
    this.#closing = new AbortController();
    for (const entry of this.#entries.values()) {
      entry.attempt++;
      entry.held.close(this.#host.own.service);
    }
    this.#entries.clear();
    this.#departed.clear();
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
          const record = parseRecord(reply, others);
          if (record !== undefined) this.#told(shard, entry, record);
          else this.#host.error(shardUnavailable(this.#host.own.service, shard.name, 'answers HMGET by no list'));
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
    entry.unwritten = false;
    entry.lacked = false;
    shard.target = entry.own;
    if (shard.state === 'down') this.#out(shard, entry);
  }

  /** From now on, others stand in for it; first of all they note down that they do. */
  #out(shard: Shard, entry: ShardEntry): void {
    if (this.#entries.size > 1) entry.missed = true;
    for (const [other, its] of this.#entries) if (its.admitted) this.#renew(other, its);
    this.#aside(shard, entry);
    this.#consider();
  }

  #aside(shard: Shard, entry: ShardEntry): void {
    shard.serving = false;
    // Says why it cannot be used, where nobody else is left either.
    shard.target = shard;
    entry.held.reroute(this.#host.own.service, shard.listing, this.#host.route);
  }

  /**
   * A new namespace for what it holds for others, and a note of who they are. Before whatever is
   * sent to it next.
   */
  #renew(shard: Shard, entry: ShardEntry): void {
    this.#write(shard, entry, { [STAND_IN]: this.#tokens.next() }, this.#missingBeside(shard));
  }

  /** The namespaces stay what they are, so that what is written next is found. */
  #emptied(shard: Shard): void {
    const entry = this.#entries.get(shard);
    if (entry !== undefined) this.#rewrite(shard, entry);
  }

  #rewrite(shard: Shard, entry: ShardEntry): void {
    if (entry.record === undefined) return;
    const { own, standIn } = entry.record;
    const tokens: Record<string, string> = {};
    if (own !== undefined) tokens[OWN] = tokenOf(own);
    if (standIn !== undefined) tokens[STAND_IN] = tokenOf(standIn);
    this.#write(shard, entry, tokens, this.#missingBeside(shard));
  }

  /** The others that miss writes. */
  #missingBeside(shard: Shard): string[] {
    const missing = [...this.#entries].filter(([other, { missed }]) => missed && other !== shard);
    return [...missing.map(([{ name }]) => name), ...this.#departed];
  }

  /**
   * Writes tokens (and marks) into the record; what is known of it follows at once, as commands
   * keep their order.
   */
  #write(
    shard: Shard,
    entry: ShardEntry,
    tokens: Readonly<Record<string, string>>,
    missed: readonly string[] = [],
  ): void {
    if (!this.#recorded) return;
    entry.writes++;
    const { attempt, record: before } = entry;
    const marks = missed.flatMap((name) => [missedField(name), '1']);
    const command = ownCommand('hset', [this.#key, ...Object.entries(tokens).flat(), ...marks]);
    command.promise.catch((error: Error) => {
      if (error.name !== 'ReplyError') return;
      // Out of memory, say. What its record says is not what is in force.
      entry.writes++;
      entry.unwritten = entry.attempt === attempt;
      this.#host.error(error);
    });
    shard.issue(command);
    entry.record = {
      own: namespaceOf(tokens[OWN]) ?? before?.own,
      standIn: namespaceOf(tokens[STAND_IN]) ?? before?.standIn,
      missed: new Set([...(before?.missed ?? []), ...missed]),
      asked: before?.asked ?? new Set(),
    };
  }

  #told(shard: Shard, entry: ShardEntry, record: ShardRecord): void {
    if (entry.unwritten) {
      entry.unwritten = false;
      this.#rewrite(shard, entry);
      return;
    }
    const lacking: string[] = [];
    if (record.standIn === undefined) lacking.push(STAND_IN);
    if (record.own === undefined && this.#host.own.quarantine === 'generation') lacking.push(OWN);
    if (lacking.length > 0) {
      // Whoever is first decides; what is absent was lost, and then so is what it stood for.
      const { lacked } = entry;
      for (const field of lacking) {
        // What is there and no token is somebody's mistake.
        const command = ownCommand(lacked ? 'hset' : 'hsetnx', [this.#key, field, this.#tokens.next()]);
        command.promise.catch((error: Error) => {
          if (error.name === 'ReplyError') this.#host.error(error);
        });
        shard.issue(command);
      }
      entry.writes++;
      entry.lacked = true;
      // Not at once again and again, with a server that keeps nothing.
      if (!lacked) shard.issue(this.probe(shard));
      return;
    }
    entry.lacked = false;
    entry.record = record;
    if (entry.admitted) this.#remark(shard, entry, record);
    this.#consider();
  }

  /**
   * Somebody emptied the server, or cleared what we still miss: it has to be written down until it
   * is true no longer.
   */
  #remark(shard: Shard, entry: ShardEntry, record: ShardRecord): void {
    const lost = this.#others(shard).filter((other) => {
      const its = this.#entries.get(other)!;
      return its.missed && !its.admitted && !record.missed.has(other.name);
    });
    const names = lost.map(({ name }) => name);
    if (names.length > 0) this.#write(shard, entry, {}, names);
  }

  /** Lets in those of which enough is known: what the others' records say of them as well. */
  #consider(): void {
    for (const [shard, entry] of this.#entries) {
      if (!entry.answering || entry.admitted || entry.admitting) continue;
      if (this.#recorded && entry.record === undefined) continue;
      if (this.#others(shard).every((other) => this.#known(other, shard.name))) void this.#admit(shard, entry);
    }
  }

  /** Whether the shard has said what there is to say of the one with this name, or cannot. */
  #known(shard: Shard, name: string): boolean {
    const { record } = this.#entries.get(shard)!;
    return !this.#recorded || shard.state === 'down' || shard.name === name || record?.asked.has(name) === true;
  }

  async #admit(shard: Shard, entry: ShardEntry): Promise<void> {
    const { attempt } = entry;
    const others = this.#others(shard);
    const noted = others.filter((other) => this.#entries.get(other)!.record?.missed.has(shard.name) === true);
    if (this.#recorded && (entry.missed || noted.length > 0)) {
      entry.admitting = true;
      shard.quarantine();
      const { quarantine } = this.#host.own;
      // Nobody waits for as long as that.
      if (typeof quarantine === 'object') this.#aside(shard, entry);
      try {
        await cleanse(shard, quarantine, this.#host.clock, this.#closing.signal);
      } catch (error) {
        if (entry.attempt !== attempt) return;
        // It stays out; the next probe tries again.
        entry.admitting = false;
        this.#aside(shard, entry);
        this.#host.error(error as Error);
        return;
      }
      if (entry.attempt !== attempt) return;
      entry.admitting = false;
      this.#write(shard, entry, this.#freshTokens());
      for (const other of others) this.#clear(other, shard.name);
    }
    entry.missed = false;
    entry.admitted = true;
    if (this.#missingBeside(shard).length > 0) this.#renew(shard, entry);
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

/** Names of servers that come and go may be new each time. */
const MAX_DEPARTED = 100;
