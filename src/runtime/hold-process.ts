import type { Clock, Timer } from './clock.js';

const DAY_MS = 86_400_000;

/**
 * Keeps the process alive until the returned timer is cancelled: for a wait whose end is brought
 * about by work that does not, such as that of a resolver.
 */
export function holdProcess(clock: Clock): Timer {
  const hold = (): Timer =>
    clock.awaited(DAY_MS, () => {
      timer = hold();
    });
  let timer = hold();
  return { cancel: () => timer.cancel() };
}
