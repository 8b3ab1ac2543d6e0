import { readFile, rename, writeFile } from 'node:fs/promises';
import { toError } from '../runtime/errors.js';
import type { ConfigDocument } from './document.js';

/**
 * The last good document in a file, for a start without its source. Readable by its owner alone; it
 * holds references, no secrets. Written beside and renamed: a crash leaves the one before.
 */
export class LastGood {
  readonly #path: string;

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

  async write(document: ConfigDocument): Promise<void> {
    const beside = `${this.#path}.${process.pid}.tmp`;
    await writeFile(beside, `${JSON.stringify(document, undefined, 2)}\n`, { mode: 0o600 });
    await rename(beside, this.#path);
  }
}
