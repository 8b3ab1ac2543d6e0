import type { Contender } from '../runner/suite.js';

declare const gc: (() => void) | undefined;

function heapBytes(): number {
  gc?.();
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
      const before = heapBytes();
      const made = await fill(operations, world);
      const heapBytesEach = (heapBytes() - before) / operations;
      if (made.length === 0) throw new Error('nothing was made');
      for (const each of made) drop(each);
      return { heapBytesEach };
    },
  });
