import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Rounds at least, and at most. */
const ROUNDS = [10, 60] as const;

/** What a compiler has to see before its last tier, which Node 24 reaches later than 20. */
const WARM_UP = 20;

/** It has settled when so many rounds brought nothing lower. */
const SETTLED = 6;

/**
 * Bytes of heap that one turn leaves behind, in the best of some rounds: the first ones are still
 * being compiled, on a busy machine for many rounds.
 */
export function bytesPer(turn: () => void, turns = 5_000): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const core = new Int32Array(new SharedArrayBuffer(4));
  let least = Number.POSITIVE_INFINITY;
  let leastAt = 0;
  for (let i = 0; i < WARM_UP * turns; i++) turn();
  for (let round = 0; round < ROUNDS[0] || (round - leastAt < SETTLED && round < ROUNDS[1]); round++) {
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < turns; i++) turn();
    const bytes = Math.max(0, process.memoryUsage().heapUsed - before) / turns;
    if (bytes < least * 0.99) leastAt = round;
    least = Math.min(least, bytes);
    // The threads that compile need a core, and there may be one in all.
    Atomics.wait(core, 0, 0, 1);
  }
  return least;
}

/** Bytes more that are alive after `make` than before: what it made and keeps. */
export function bytesHeld(make: () => void): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  const held = (): number => {
    gc();
    gc();
    return process.memoryUsage().heapUsed;
  };
  const before = held();
  make();
  return held() - before;
}
