import type { RunRecord, Violation } from '../../part.js';

/** A subscription follows its channel, and comes back after a fault, within so long; ms. */
const WITHIN_MS = 5_000;

/** Channels have one subscriber, which publishes itself: in calm each message reaches it. */
export function checkHearing({ operations, faults }: RunRecord): Violation[] {
  const busy = faults
    .filter(({ kind }) => !/^(scripts-forgotten|consul-|registrar-)/.test(kind))
    .flatMap(({ kind, beganMs, overMs }) => {
      // A server that joined is no fault once it is known.
      if (/^join/.test(kind))
        return [
          [beganMs, beganMs],
          [overMs, overMs],
        ] as const;
      return [[beganMs, overMs]] as const;
    });
  return operations
    .filter(({ name, outcome, output, invokedMs, endedMs }) => {
      if (name !== 'publish' || outcome !== 'ok' || Number(output) > 0) return false;
      return !busy.some(([from, to]) => from <= endedMs && to + WITHIN_MS >= invokedMs);
    })
    .map((operation) => ({
      promise: 'a subscription is deaf while nothing is wrong',
      says: `${operation.key}: ${String(operation.input)} was heard by none`,
      operations: [operation],
    }));
}
