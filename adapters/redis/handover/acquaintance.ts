import type { Clock, FairleadError } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import { pause } from '../shards/pause.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { isOut } from '../shards/state.js';
import { missingRights } from './rights.js';
import type { FoundNote, RingNotes } from './ring-notes.js';

export interface AcquaintanceHost {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  current(): ShardSet;
  error(error: Error): void;
  /** What others have noted at this shard. */
  learnt(note: FoundNote, shard: Shard): void;
  /** Every shard that can be asked has been. Called again when that is true again. */
  acquainted(): void;
}

/** Between two questions to a shard that is up and did not answer; milliseconds. */
const AGAIN_MS = 250;

interface Known {
  /** The note was read. */
  read: boolean;
  /** Why it does not let keys be handed over; undefined where it does, or is not asked yet. */
  objection: FairleadError | undefined;
}

/**
 * What is found out of each shard when it is first used: what other clients have noted there, and
 * whether it lets keys be handed over.
 */
export class Acquaintance {
  readonly #host: AcquaintanceHost;
  readonly #notes: RingNotes;
  readonly #known = new Map<Shard, Known>();
  #life = new AbortController();

  constructor(host: AcquaintanceHost, notes: RingNotes) {
    this.#host = host;
    this.#notes = notes;
  }

  /** Names of shards that do not let keys be handed over. */
  get refusedBy(): readonly string[] {
    const refusing = [...this.#known].filter(([, { objection }]) => objection !== undefined);
    return refusing.map(([{ name }]) => name).sort();
  }

  /** The shard's state is another one. */
  changed(shard: Shard): void {
    if (shard.state === 'up') {
      const ours = this.#host.current().shards.includes(shard);
      if (ours && this.#known.has(shard)) this.#notes.bring(shard);
      else if (ours) void this.#meet(shard);
    }
    this.#consider();
  }

  /** There are other shards. Rights that one did not give may have been granted meanwhile. */
  follow(): void {
    const { shards } = this.#host.current();
    for (const [shard, known] of [...this.#known]) {
      if (!shards.includes(shard)) this.#known.delete(shard);
      else if (known.objection !== undefined) void this.#try(shard, known);
    }
    for (const shard of shards) if (shard.state === 'up' && !this.#known.has(shard)) void this.#meet(shard);
    this.#consider();
  }

  close(): void {
    this.#life.abort();
    this.#life = new AbortController();
    this.#known.clear();
  }

  #consider(): void {
    const { shards } = this.#host.current();
    const done = shards.every((shard) => isOut(shard.state) || this.#known.get(shard)?.read === true);
    if (done && shards.length > 0) this.#host.acquainted();
  }

  async #meet(shard: Shard): Promise<void> {
    const { signal } = this.#life;
    const known: Known = { read: false, objection: undefined };
    this.#known.set(shard, known);
    while (!signal.aborted && shard.state === 'up' && !known.read) {
      try {
        const note = await this.#notes.read(shard);
        if (signal.aborted || this.#known.get(shard) !== known) return;
        known.read = true;
        this.#host.learnt(note, shard);
        this.#consider();
      } catch {
        await pause(this.#host.clock, AGAIN_MS, signal);
      }
    }
    if (signal.aborted) return;
    // It is asked again when it is up again.
    if (!known.read) this.#known.delete(shard);
    else await this.#try(shard, known);
  }

  async #try(shard: Shard, known: Known): Promise<void> {
    if (shard.readOnly) return;
    try {
      const before = known.objection?.message;
      known.objection = await missingRights(this.#host.own, shard);
      if (known.objection === undefined || known.objection.message === before) return;
      if (this.#known.get(shard) === known) this.#host.error(known.objection);
    } catch {
      // It is asked again when it is up again.
      this.#known.delete(shard);
    }
  }
}
