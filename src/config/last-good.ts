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
  readonly #failed: (error: Error) => void;
  /** What is to be written, once what is being written is. */
  #next: ConfigDocument | undefined;
  #writing = false;

  /** `failed` is told why a document could not be written: once, however many waited for it. */
  constructor(path: string, failed: (error: Error) => void) {
    this.#path = path;
    this.#failed = failed;
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

  /** In a while: one at a time, the latest last. */
  write(document: ConfigDocument): void {
    this.#next = document;
    if (!this.#writing) void this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    let failure: unknown;
    for (let document = this.#next; document !== undefined; document = this.#next) {
      this.#next = undefined;
      // The next one may fare better, and then all is well.
      failure = undefined;
      await this.#writeOne(document).catch((thrown: unknown) => {
        failure = thrown;
      });
    }
    // In the turn of the last look at what is next: nothing comes between.
    this.#writing = false;
    if (failure !== undefined) this.#failed(toError(failure));
  }

  #writeOne(document: ConfigDocument): Promise<void> {
    return replaceFile(this.#path, `${JSON.stringify(document, undefined, 2)}\n`);
  }
}
