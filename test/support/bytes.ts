import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Bytes of heap that one turn leaves behind, in the best of some rounds: the first ones are still
 * being compiled.
 */
export function bytesPer(turn: () => void, turns = 5_000): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 10; round++) {
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < turns; i++) turn();
    least = Math.min(least, Math.max(0, process.memoryUsage().heapUsed - before) / turns);
  }
  return least;
}
