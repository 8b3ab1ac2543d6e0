import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Clock, Timer } from '../../runtime/clock.js';
import { toError } from '../../runtime/errors.js';
import { decodeText } from '../../runtime/parse-text.js';

export interface WatchedFileSettings {
  readonly path: string;
  readonly pollMs: number;
}

export interface FileHearer {
  /**
   * Whether it can be no part of a longer text. Of what may be one (half of a YAML file is YAML) a
   * change is reported once the file has held it for a moment.
   */
  isWhole(text: string): boolean;
  /** What the file holds, other than before. Throws where that is nothing to be used. */
  content(text: string): void | Promise<void>;
  /** It cannot be read, or what it holds is of no use, also after a second look. */
  failed(error: Error): void;
}

/** After an event, until the file is read: a save is several events; milliseconds. */
const SETTLE_MS = 50;

/** A file that is of no use may be half written: it is read again after this; milliseconds. */
const HALF_WRITTEN_MS = 200;

/** For so long a text that may be half of one has to be all that the file holds; milliseconds. */
const STEADY_MS = 500;

/** A longer file is no list of instances. */
const MAX_BYTES = 16_777_216;

/**
 * A file that others replace: by writing into it, by a new one under its name (editors, `mv`), or
 * by a link to another folder (a ConfigMap of Kubernetes). The folder is watched, not the file,
 * whose own watch goes deaf when it is replaced; and what the system does not tell of (network file
 * systems, bind mounts) a look every `pollMs` finds. Content is compared, not times.
 */
export class WatchedFile {
  readonly #settings: WatchedFileSettings;
  readonly #clock: Clock;
  readonly #hearer: FileHearer;
  #watcher: FSWatcher | undefined;
  #timer: Timer | undefined;
  #poll: Timer | undefined;
  /** Something else in the folder changed, and it is soon seen whether the file did too. */
  #glance: Timer | undefined;
  /** Of what was reported last; empty where that is to be reported once more. */
  #digest = '';
  /** Of what was ever reported last. */
  #reported = '';
  /** Of what the file held at the last look, and since when it has. */
  #held = '';
  #heldSinceMs = 0;
  #stamp = '';
  #reading: Promise<void> | undefined;
  #stopped = false;

  constructor(settings: WatchedFileSettings, clock: Clock, hearer: FileHearer) {
    this.#settings = settings;
    this.#clock = clock;
    this.#hearer = hearer;
    this.#listen();
    this.#look(0);
    this.#pollAgain();
  }

  stop(): void {
    this.#stopped = true;
    this.#watcher?.close();
    this.#timer?.cancel();
    this.#poll?.cancel();
    this.#glance?.cancel();
  }

  /** Without an event: something it holds is to be confirmed. */
  again(delayMs: number): void {
    this.#digest = '';
    this.#look(delayMs);
  }

  #listen(): void {
    try {
      this.#watcher = watch(dirname(this.#settings.path), { persistent: false }, (_, name) => this.#stir(name));
      // The folder itself may go: the poll finds it again.
      this.#watcher.on('error', () => this.#unlisten());
    } catch {
      // There is no such folder yet: the poll finds it.
      this.#watcher = undefined;
    }
  }

  /**
   * An event of its folder. What else is written there, a log say, neither puts off a look at the
   * file nor causes one: where the log is this process's own, each would cause the next. But a link
   * on the way to the file may be called anything.
   */
  #stir(name: string | null): void {
    if (name === null || name === basename(this.#settings.path)) this.#look(SETTLE_MS);
    else
      this.#glance ??= this.#clock.after(SETTLE_MS, () => {
        this.#glance = undefined;
        void this.#lookIfChanged();
      });
  }

  #unlisten(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #pollAgain(): void {
    this.#poll = this.#clock.after(this.#settings.pollMs, () => {
      void this.#pollOnce().finally(() => {
        if (!this.#stopped) this.#pollAgain();
      });
    });
  }

  async #pollOnce(): Promise<void> {
    if (this.#watcher === undefined && !this.#stopped) this.#listen();
    await this.#lookIfChanged();
  }

  async #lookIfChanged(): Promise<void> {
    const stamp = await this.#stampNow();
    if (stamp !== this.#stamp && !this.#stopped) this.#look(0);
  }

  #look(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    this.#timer = this.#clock.after(delayMs, () => void this.#read(true));
  }

  async #read(mayBeHalf: boolean): Promise<void> {
    // One at a time, and in order.
    const before = this.#reading;
    this.#reading = (async () => {
      await before;
      if (!this.#stopped) await this.#take(mayBeHalf);
    })();
    await this.#reading;
  }

  async #take(mayBeHalf: boolean): Promise<void> {
    let digest = '';
    try {
      this.#stamp = await this.#stampNow();
      const bytes = await this.#bytes();
      digest = createHash('sha256').update(bytes).digest('base64');
      if (digest !== this.#held) {
        this.#held = digest;
        this.#heldSinceMs = this.#clock.now();
      }
      if (digest === this.#digest || this.#stopped) return;
      const text = decodeText(bytes);
      const waitMs = this.#steadyInMs(digest, text);
      if (waitMs > 0) {
        this.#look(waitMs);
        return;
      }
      // Before: it may ask to see the same again.
      this.#digest = digest;
      await this.#hearer.content(text);
      this.#reported = digest;
    } catch (thrown) {
      if (this.#stopped) return;
      this.#digest = '';
      if (digest === '') this.#held = '';
      if (!mayBeHalf) {
        this.#hearer.failed(toError(thrown));
        return;
      }
      this.#timer?.cancel();
      this.#timer = this.#clock.after(HALF_WRITTEN_MS, () => void this.#read(false));
    }
  }

  /** How long until the text is believed; 0 where it is now. */
  #steadyInMs(digest: string, text: string): number {
    const isFirst = this.#reported === '';
    if (isFirst || digest === this.#reported || this.#hearer.isWhole(text)) return 0;
    return Math.ceil(this.#heldSinceMs + STEADY_MS - this.#clock.now());
  }

  async #bytes(): Promise<Buffer> {
    const { size } = await stat(this.#settings.path);
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_BYTES}`);
    return await readFile(this.#settings.path);
  }

  async #stampNow(): Promise<string> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#settings.path);
      return `${mtimeMs} ${size} ${ino}`;
    } catch {
      return 'none';
    }
  }
}
