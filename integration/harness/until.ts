import { setTimeout as sleep } from 'node:timers/promises';

/** Ten looks a second would add up over a hundred server starts; fifty cost nothing measurable. */
const LOOK_EVERY_MS = 20;

/**
 * Waits until `look` returns something truthy, and returns that. An error thrown by `look` counts
 * as "not yet"; the last one becomes the cause of the error thrown when `timeoutMs` has passed, or
 * when `hopeless` says that waiting on is pointless.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  timeoutMs = 30_000,
  hopeless: () => boolean = () => false,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  do {
    if (hopeless()) throw new Error(`it is over before: ${what}`, { cause });
    try {
      const seen = await look();
      if (seen) return seen;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await sleep(LOOK_EVERY_MS);
  } while (performance.now() < deadline);
  throw new Error(`waited ${timeoutMs} ms in vain: ${what}`, { cause });
}
