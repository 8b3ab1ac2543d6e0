import { nowMs } from './history.js';

/** How often it is looked whether this process is on time; ms. */
const LOOK_MS = 20;
/** So late at once: whoever waits for it notices; ms. */
const LATE_MS = 200;

/**
 * Tells when the machine, or its own work, kept this process's event loop from running: at once, or
 * by pieces for more than half of the time. Returns what ends the watch, which keeps no process alive.
 */
export function watchDelays(late: (fromMs: number, overMs: number) => void): () => void {
  let lookedMs = nowMs();
  let [sinceMs, lostMs] = [lookedMs, 0];
  const timer = setInterval(() => {
    const now = nowMs();
    const passedMs = now - lookedMs;
    const lateMs = Math.max(0, passedMs - LOOK_MS);
    if (lostMs === 0) sinceMs = lookedMs;
    lostMs = Math.max(0, lostMs + lateMs - passedMs / 2);
    if (lateMs >= LATE_MS) late(lookedMs, now);
    else if (lostMs >= LATE_MS) late(sinceMs, now);
    if (lateMs >= LATE_MS || lostMs >= LATE_MS) lostMs = 0;
    lookedMs = now;
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
