import type { Schedule } from './part.js';

/** Runs a schedule and returns whether it fails in the same way. */
export type StillFails = (schedule: Schedule) => Promise<boolean>;

/**
 * The smallest schedule found that still fails: fewer faults (Zeller's ddmin: halves, then quarters,
 * and so on), then fewer clients, workers and keys. Runs differ in their interleavings, so a smaller
 * schedule that passed once may fail all the same: what is returned has failed, not all that it left
 * out was harmless.
 */
export async function shrink(schedule: Schedule, stillFails: StillFails, maxRuns: number): Promise<Schedule> {
  let best = schedule;
  let runs = 0;
  const attempt = async (smaller: Schedule): Promise<boolean> => {
    if (runs >= maxRuns) return false;
    runs++;
    if (!(await stillFails(smaller))) return false;
    best = smaller;
    return true;
  };
  let pieces = 2;
  while (best.faults.length > 0 && runs < maxRuns) {
    const size = Math.max(1, Math.ceil(best.faults.length / pieces));
    let smaller = false;
    for (let from = 0; from < best.faults.length && !smaller; from += size) {
      const kept = best.faults.filter((_, i) => i < from || i >= from + size);
      smaller = await attempt(shortened({ ...best, faults: kept }));
    }
    if (smaller) pieces = Math.max(2, pieces - 1);
    else if (size === 1) break;
    else pieces *= 2;
  }
  for (const name of ['clients', 'workers', 'keys'] as const) {
    while (best[name] > 1 && (await attempt({ ...best, [name]: Math.floor(best[name] / 2) })));
  }
  return best;
}

/** A schedule whose last faults are gone need not last as long. */
function shortened(schedule: Schedule): Schedule {
  const last = Math.max(0, ...schedule.faults.map(({ atMs, lastsMs }) => atMs + lastsMs));
  return { ...schedule, lastsMs: Math.min(schedule.lastsMs, last + 3_000) };
}
