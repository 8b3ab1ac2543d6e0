import { forgetAbort, whenAborted } from '../../../src/adapter.js';
import type { Clock } from '../../../src/index.js';

/** Resolves after `ms` milliseconds, or as soon as the signal aborts. Keeps no process alive. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const end = (): void => {
      timer.cancel();
      forgetAbort(signal, end);
      resolve();
    };
    const timer = clock.after(ms, end);
    whenAborted(signal, end);
  });
}
