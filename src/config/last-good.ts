import { readFile } from 'node:fs/promises';
import { toError } from '../runtime/errors.js';
import { replaceFile } from '../runtime/replace-file.js';
import type { ConfigDocument } from './document.js';

/**
 * The last good document in a file, for a start without its source. Readable by its owner alone; it
 * holds references, no secrets. Written beside and renamed: a crash leaves the one before.
 */
export class LastGood {
  readonly #path: string;
  /** What is to be written, once what is being written is. */
  #next: ConfigDocument | undefined;
  #writing: Promise<void> | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  /** Undefined where there is none. Rejects where it cannot be read. */
  async read(): Promise<string | undefined> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (thrown) {
      if ((toError(thrown) as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw thrown;
    }
  }

  /** Resolves, or rejects, when this one or a later one is: one at a time, the latest last. */
  write(document: ConfigDocument): Promise<void> {
    this.#next = document;
    this.#writing ??= this.#writeAll();
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    try {
      for (let document = this.#next; document !== undefined; document = this.#next) {
        this.#next = undefined;
        await this.#writeOne(document).catch((thrown: unknown) => {
          // The next one may fare better, and then all is well.
          if (this.#next === undefined) throw thrown;
        });
      }
    } finally {
      // In the turn of the last look at what is next: nothing comes between.
      this.#writing = undefined;
    }
  }

  #writeOne(document: ConfigDocument): Promise<void> {
    return replaceFile(this.#path, `${JSON.stringify(document, undefined, 2)}\n`);
  }
}
