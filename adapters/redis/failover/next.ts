import type { Command } from '../driver/driver.js';
import type { OnFailure, Routes } from '../shards/on-failure.js';
import type { Shard } from '../shards/shard.js';
import { isOut } from '../shards/state.js';
import { Sweeper } from '../shards/sweep.js';
import { CacheShard } from './cache-shard.js';
import type { FailoverHost } from './host.js';
import { removeLeftovers } from './leftovers.js';
import { cleanse } from './quarantine.js';
import { ShardNotes } from './shard-notes.js';
import { OWN, recordKey, STAND_IN, Tokens } from './shard-record.js';

/** Names of servers that come and go may be new each time. */
const MAX_DEPARTED = 100;

/**
 * The policy `next`, for caches: the keys of a shard that is down go to the next shards on the
 * ring. When it is back, it is used only once nothing in it can be older than what others wrote
 * meanwhile.
 *
 * Two things may be stale. What the shard itself held: it misses the writes of its absence, so it
 * is cleared by the quarantine on its return. And what others held for it in an earlier absence:
 * keys that a shard holds for others are kept in a namespace, and every absence begins with a new
 * one. Both are written down at the servers, in the record that each probe reads, so that clients
 * agree within a probe interval and one that dies or starts meanwhile leaves no gap.
 *
 * ## Trip Conditions
 *
 * A shard is `down` or `demoted`, or has left the topology. Every shard in use then begins a new
 * namespace for what it holds for others, and notes which shards miss writes.
 *
 * ## Recovery Conditions
 *
 * The shard answers probes, and its own record and those of all shards that are not down are known.
 * If it may have missed writes, it goes through its `quarantine` first; where that fails, it stays
 * out until a later probe. With the quarantine `none` no records are kept, and it is used as soon
 * as it answers.
 */
export class Next implements OnFailure {
  readonly usesReplicas: boolean = false;
  readonly standsIn: boolean = true;
  readonly #host: FailoverHost;
  readonly #tokens: Tokens;
  readonly #shards = new Map<Shard, CacheShard>();
  /** Names of shards that left: others own their keys since. */
  readonly #departed = new Set<string>();
  readonly #sweeper: Sweeper;
  #closing = new AbortController();
  /** The weights of the shards as of the last topology, by name. */
  #weights: ReadonlyMap<string, number> = new Map();

  constructor(host: FailoverHost) {
    this.#host = host;
    this.#tokens = new Tokens(() => host.clock.wallMs(), host.random);
    this.#sweeper = new Sweeper(host);
  }

  get #recorded(): boolean {
    return this.#host.own.quarantine !== 'none';
  }

  routesOf(shard: Shard): Routes {
    return this.#shards.get(shard) ?? this.#adopt(shard);
  }

  #adopt(shard: Shard): CacheShard {
    const { service, quarantine, reservedPrefix: prefix } = this.#host.own;
    const kind = typeof quarantine === 'object' ? 'wait' : quarantine;
    const notes = new ShardNotes(shard, {
      service,
      key: this.#recorded ? recordKey(prefix, service, kind) : undefined,
      prefix,
      generations: quarantine === 'generation',
      tokens: this.#tokens,
      othersOf: (one) => this.#others(one).map((other) => other.shard.name),
      missingBeside: (one) => this.#missingBeside(one),
      learnt: (one) => this.#learnt(one),
      error: (error) => this.#host.error(error),
    });
    const missed = this.#departed.delete(shard.name) || this.#namesake(shard)?.missed === true;
    const known = new CacheShard(shard, notes, this.#host, () => this.#emptied(shard), missed);
    // Until now there may have been no shard to stand in for those that are out.
    for (const other of this.#shards.values()) if (!other.serving) other.missed = true;
    this.#shards.set(shard, known);
    return known;
  }

  /** The one that has the name of this one, at another address. */
  #namesake(shard: Shard): CacheShard | undefined {
    return this.#others(shard).find((other) => other.shard.name === shard.name);
  }

  left(shard: Shard): void {
    const known = this.#shards.get(shard);
    if (known === undefined) return;
    this.#shards.delete(shard);
    known.end();
    if (this.#namesake(shard) === undefined) this.#depart(shard.name);
    known.rerouteHeld();
    this.#consider();
  }

  /** Its keys are others' now. Should it come back, it misses what they wrote. */
  #depart(name: string): void {
    this.#departed.add(name);
    if (this.#departed.size > MAX_DEPARTED) this.#departed.delete([...this.#departed][0]!);
    this.#renewAll();
  }

  topologyChanged(): void {
    // New shards wait until the others have reported whether these missed any writes.
    if (this.#recorded) for (const { notes } of this.#shards.values()) if (notes.record !== undefined) notes.ask();
    const regained = this.#mayRegainKeys();
    if (this.#host.own.quarantine !== 'generation') return;
    for (const known of this.#shards.values()) {
      if (regained && !known.swept) this.#beginGeneration(known);
      this.#removeLeftovers(known);
    }
  }

  /**
   * It gets keys back before it was cleared of what it held of them: that may be older than what
   * their owner of meanwhile took.
   */
  #beginGeneration(known: CacheShard): void {
    if (known.admitted) known.notes.renewOwn(this.#host.current().ring);
    // It begins one when it is admitted.
    else known.missed = true;
  }

  /** What a shard holds of keys that others own now is removed. */
  #removeLeftovers(known: CacheShard): void {
    known.stopSweep();
    known.swept = false;
    if (!known.admitted || this.#host.own.quarantine !== 'generation') return;
    const signal = known.startSweep();
    const namespace = (): string | undefined => known.notes.record?.own;
    void removeLeftovers(this.#sweeper, known.shard, this.#host, namespace, signal).then((swept) => {
      if (swept && !signal.aborted) known.swept = true;
    });
  }

  /** Whether some shard may own keys now that it did not own before. */
  #mayRegainKeys(): boolean {
    const before = this.#weights;
    const { shards } = this.#host.current();
    const after = new Map(shards.map(({ name, weight }) => [name, weight]));
    this.#weights = after;
    if (before.size === 0) return false;
    // Maglev moves keys between others as well; a weight counts in relation to those of all.
    const weights = new Set([...before.values(), ...after.values()]);
    const onlyArrivals = [...before].every(([name, weight]) => after.get(name) === weight);
    return !(onlyArrivals && weights.size <= 1 && this.#host.own.placement !== 'maglev');
  }

  close(): void {
    this.#closing.abort();
    this.#closing = new AbortController();
    for (const known of this.#shards.values()) {
      known.end();
      known.closeHeld();
    }
    this.#shards.clear();
    this.#departed.clear();
    this.#weights = new Map();
  }

  /** Clients agree within a probe interval by what is noted there. */
  get rests(): boolean {
    return !this.#recorded;
  }

  probe(shard: Shard): Command | undefined {
    return this.#shards.get(shard)?.notes.probe();
  }

  answered(shard: Shard): void {
    const known = this.#shards.get(shard);
    if (known === undefined) return;
    known.answering = true;
    known.notes.answering();
    this.#consider();
  }

  changed(shard: Shard): void {
    const known = this.#shards.get(shard);
    if (known === undefined || shard.state === 'up' || shard.state === 'quarantined') return;
    known.break();
    if (isOut(shard.state)) this.#out(known);
  }

  /** From now on, others stand in for it; first of all they note down that they do. */
  #out(known: CacheShard): void {
    if (this.#shards.size > 1) known.missed = true;
    this.#renewAll();
    known.stepAside();
    this.#consider();
  }

  #renewAll(): void {
    for (const known of this.#shards.values()) if (known.admitted) this.#renew(known);
  }

  /**
   * A new namespace for what it holds for others, and a note of who they are. Before whatever is
   * sent to it next.
   */
  #renew({ shard, notes }: CacheShard): void {
    notes.write({ [STAND_IN]: this.#tokens.next() }, this.#missingBeside(shard));
  }

  /** With everything that was noted there. */
  #emptied(shard: Shard): void {
    this.#shards.get(shard)?.notes.rewrite();
  }

  #learnt(shard: Shard): void {
    const known = this.#shards.get(shard);
    if (known === undefined) return;
    if (known.admitted) this.#remark(known);
    this.#consider();
  }

  /**
   * The server was emptied, or the note of one that still misses writes was cleared: it is noted
   * until it is untrue.
   */
  #remark({ shard, notes }: CacheShard): void {
    const lost = this.#others(shard).filter(
      (other) => other.missed && !other.admitted && notes.record?.missed.has(other.shard.name) !== true,
    );
    if (lost.length > 0)
      notes.write(
        {},
        lost.map((other) => other.shard.name),
      );
  }

  /** Admits each shard once its own record and those of all others are known. */
  #consider(): void {
    for (const known of this.#shards.values()) {
      if (!known.answering || known.admitted || known.admitting) continue;
      if (this.#recorded && known.notes.record === undefined) continue;
      const { name } = known.shard;
      if (this.#others(known.shard).every((other) => this.#hasSpoken(other, name))) void this.#admit(known);
    }
  }

  /** Whether the shard has reported what it knows of the one with this name, or cannot. */
  #hasSpoken({ shard, notes }: CacheShard, name: string): boolean {
    const cannot = isOut(shard.state) || shard.name === name;
    return !this.#recorded || cannot || notes.record?.asked.has(name) === true;
  }

  async #admit(known: CacheShard): Promise<void> {
    const { shard, notes, attempt } = known;
    const others = this.#others(shard);
    const noted = others.some((other) => other.notes.record?.missed.has(shard.name) === true);
    if (this.#recorded && (known.missed || noted)) {
      known.admitting = true;
      shard.quarantine();
      const { quarantine } = this.#host.own;
      // Too long for commands to wait.
      if (typeof quarantine === 'object') known.stepAside();
      try {
        await cleanse(shard, quarantine, this.#host.clock, this.#closing.signal);
      } catch (error) {
        if (known.attempt !== attempt) return;
        // It stays out; the next probe tries again.
        known.admitting = false;
        known.stepAside();
        this.#host.error(error as Error);
        return;
      }
      if (known.attempt !== attempt) return;
      known.admitting = false;
      notes.write(this.#freshTokens());
      for (const other of others) other.notes.clear(shard.name);
    }
    known.missed = false;
    known.admitted = true;
    if (this.#missingBeside(shard).length > 0) this.#renew(known);
    known.use();
    this.#removeLeftovers(known);
  }

  /** What was written before is not found any more. */
  #freshTokens(): Record<string, string> {
    const standIn = { [STAND_IN]: this.#tokens.next() };
    return this.#host.own.quarantine === 'generation' ? { [OWN]: this.#tokens.next(), ...standIn } : standIn;
  }

  #missingBeside(shard: Shard): string[] {
    const missing = this.#others(shard).filter(({ missed }) => missed);
    return [...missing.map((other) => other.shard.name), ...this.#departed];
  }

  #others(shard: Shard): CacheShard[] {
    return [...this.#shards.values()].filter((other) => other.shard !== shard);
  }
}
