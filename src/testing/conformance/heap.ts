import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const TURNS = 10_000;

/** The first rounds are still being compiled; an allocation is there in every round. */
const ROUNDS = 12;

/** Bytes of heap that one turn leaves behind, in the best of some rounds. */
export function bytesPer(turn: (index: number) => void): number {
  const collect = collector();
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS && least >= 1; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < TURNS; i++) turn(i);
    least = Math.min(least, Math.max(0, process.memoryUsage().heapUsed - before) / TURNS);
  }
  return least;
}

/** The garbage collector, whether or not the process was started with --expose-gc. */
function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}
