import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * Runs `work` while holding the lock file `path` (flock(1), part of every Debian). The kernel frees
 * such a lock when its holder dies, so a killed test run never leaves one behind. Test processes
 * that want the same packages wait here while the first one fetches them.
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const holder = spawn('flock', [path, 'sh', '-c', 'echo held; cat >/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
  await once(holder, 'spawn');
  const gone = once(holder, 'exit');
  await Promise.race([
    once(holder.stdout, 'data'),
    gone.then(() => {
      throw new Error(`cannot lock ${path}`);
    }),
  ]);
  try {
    return await work();
  } finally {
    holder.stdin.end();
    await gone;
  }
}
