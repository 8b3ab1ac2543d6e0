import { lazyFs, lazyFsPromises } from './lazy-modules.js';
import { systemRandom } from './random.js';

/**
 * Replaces a file as a whole: written beside it and renamed, so that a reader, a crash and a full
 * disk meet the old text or the new one. Its owner alone may read it (0600). Others may replace the
 * same file at once, also from containers, where each process has the same id: the last one stays.
 * Rejects with what the system says, and leaves nothing beside it.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const { open, rename, rm } = lazyFsPromises();
  const beside = nameBeside(path);
  try {
    const file = await open(beside, 'wx', 0o600);
    try {
      await file.writeFile(text);
      // Renamed before its bytes are on the disk, it could be empty after a power cut.
      await file.datasync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (thrown) {
    await rm(beside, { force: true }).catch(() => {});
    throw thrown;
  }
}

/** The same at once, for the end of the process. Throws. */
export function replaceFileSync(path: string, text: string): void {
  const { closeSync, fdatasyncSync, openSync, renameSync, rmSync, writeFileSync } = lazyFs();
  const beside = nameBeside(path);
  try {
    const file = openSync(beside, 'wx', 0o600);
    try {
      writeFileSync(file, text);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(beside, path);
  } catch (thrown) {
    rmSync(beside, { force: true });
    throw thrown;
  }
}

const random = systemRandom();

/** One of its own for each write: two of one name would write into each other. */
function nameBeside(path: string): string {
  return `${path}.${process.pid}-${random.below(2 ** 30).toString(36)}.tmp`;
}
