import type { Contender } from '../runner/suite.js';

declare const gc: (() => void) | undefined;

/** Connections that were ended hold what they held until they are closed. */
const CLOSED_MS = 100;

async function heapBytes(): Promise<number> {
  gc?.();
  // What a collection lets go may hold more until its callbacks ran.
  await new Promise(setImmediate);
  gc?.();
  return process.memoryUsage().heapUsed;
}

/**
 * Bytes each on the heap, while all of them are alive. `fill` keeps what it made in the list; `drop`
 * ends it.
 */
export const filling =
  <World, Made>(
    fill: (count: number, world: World) => readonly Made[] | Promise<readonly Made[]>,
    drop: (made: Made) => void = () => {},
  ) =>
  (world: World): Contender => ({
    run: async (operations) => {
      const before = await heapBytes();
      const made = await fill(operations, world);
      const heapBytesEach = ((await heapBytes()) - before) / operations;
      if (made.length === 0) throw new Error('nothing was made');
      for (const each of made) drop(each);
      await new Promise((resolve) => setTimeout(resolve, CLOSED_MS));
      return { heapBytesEach };
    },
  });
