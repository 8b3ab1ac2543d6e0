import type { Clock } from '../../../src/index.js';
import type { ShardedSettings } from '../common/options.js';
import { rawCommand } from '../driver/driver.js';
import { ask } from '../shards/ask.js';
import { noteOf } from '../shards/noted-ring.js';
import type { Shard } from '../shards/shard.js';
import type { ShardSet } from '../shards/shard-set.js';
import { parseNote, type RingNote } from './ring-note.js';
import { Seal } from './seal.js';
import type { Window } from './windows.js';

export interface RingNotesHost {
  readonly own: ShardedSettings;
  readonly clock: Clock;
  current(): ShardSet;
  password(): string | undefined;
}

/** - `none`: nothing that can be read. - `foreign`: by a client with another password. */
export type FoundNote = RingNote | 'none' | 'foreign';

/** Reads and writes the note of the ring at servers. */
export class RingNotes {
  readonly #host: RingNotesHost;
  readonly #seal: Seal;
  readonly #key: string;
  /** The latest, as it is written. */
  #text: Promise<string> | undefined;
  /** Which text each has. */
  readonly #written = new WeakMap<Shard, Promise<string>>();

  constructor(host: RingNotesHost) {
    this.#host = host;
    const { service, reservedPrefix } = host.own;
    this.#seal = new Seal(service, () => host.password());
    this.#key = `${reservedPrefix}ring:${service}`;
  }

  /** Rejects where the shard cannot be asked now. */
  async read(shard: Shard): Promise<FoundNote> {
    let reply: unknown;
    try {
      reply = await ask(this.#host.own.service, shard, 'get', [this.#key]);
    } catch (error) {
      // Not allowed, or not a text.
      if ((error as Error).name === 'ReplyError') return 'none';
      throw error;
    }
    if (!Buffer.isBuffer(reply)) return 'none';
    const text = await this.#seal.open(reply.toString());
    return text === undefined ? 'foreign' : (parseNote(text) ?? 'none');
  }

  /** What is true now goes to every server that can be reached, and to others later. */
  write(windows: readonly Window[]): void {
    const current = this.#host.current();
    const note: RingNote = {
      ring: noteOf(current, this.#host.own),
      windows: windows.map(({ set, dueMs }) => ({ ring: noteOf(set, this.#host.own), dueMs })),
    };
    this.#text = this.#seal.close(JSON.stringify(note));
    for (const shard of current.shards) this.bring(shard);
  }

  /** Writes it to this one, if it does not have it. */
  bring(shard: Shard): void {
    const text = this.#text;
    if (text === undefined || this.#written.get(shard) === text) return;
    void text.then((value) => {
      if (this.#text !== text || shard.state !== 'up' || shard.readOnly || this.#written.get(shard) === text) return;
      this.#written.set(shard, text);
      const command = rawCommand('set', [this.#key, value]);
      command.promise.catch(() => {
        if (this.#written.get(shard) === text) this.#written.delete(shard);
      });
      shard.issue(command);
    });
  }

  forget(): void {
    this.#text = undefined;
  }
}
