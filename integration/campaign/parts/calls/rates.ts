import { isStarved, type RunRecord, type Violation } from '../../part.js';
import { type Call, callsByClient } from './attempts.js';
import type { CallsPlan } from './plan.js';

/** A bucket as it must be, by when it is full again. */
class Bucket {
  fullAtMs = Number.NEGATIVE_INFINITY;

  /** What is taken beyond what it has; 0: nothing. */
  take(nowMs: number, intervalMs: number, burst: number): number {
    this.fullAtMs = Math.max(this.fullAtMs, nowMs) + intervalMs;
    return Math.max(0, (this.fullAtMs - nowMs) / intervalMs - burst);
  }

  isInUse(nowMs: number): boolean {
    return this.fullAtMs > nowMs;
  }

  /** Whether there was a token, for certain. */
  had(nowMs: number, intervalMs: number, burst: number): boolean {
    return (Math.max(this.fullAtMs, nowMs) - nowMs) / intervalMs <= burst - 1;
  }
}

/** Between a call and the moment at which its client reads the time; ms. */
const READS_MS = 100;

/** Keys of which it is not certain that there was room for them. */
const IN_DOUBT = 2;

/**
 * Each client key has its own rate, and no more, also while many are made up: those for whom the
 * table has no room share one bucket. And who has a token is not refused.
 */
export function checkRates({ operations, faults, schedule }: RunRecord): Violation[] {
  const { ratePerKey } = schedule.options as unknown as CallsPlan;
  const { perSecond, burst, capacity = Number.POSITIVE_INFINITY } = ratePerKey;
  const intervalMs = 1_000 / perSecond;
  const slack = 0.2 + READS_MS / intervalMs;
  const violations: Violation[] = [];
  for (const calls of callsByClient(operations).values()) {
    const buckets = new Map<string, Bucket>();
    /** The same, of those that may have shared one as well. */
    const all = new Map<string, Bucket>();
    const strangers = new Bucket();
    const violate = (promise: string, { operation, asked }: Call): void => {
      if (isStarved(operation, faults)) return;
      const says = `${operation.client}, key ${asked.clientKey}: ${JSON.stringify(ratePerKey)}`;
      violations.push({ promise: `rate: ${promise}`, says, operations: [operation] });
    };
    for (const call of calls) {
      const { clientKey: key } = call.asked;
      const { invokedMs, error } = call.operation;
      if (key === undefined) continue;
      const own = all.get(key) ?? new Bucket();
      if (error?.startsWith('FAIRLEAD_RATE_LIMITED')) {
        const hasRoom = [...all.values()].filter((each) => each.isInUse(invokedMs - READS_MS)).length < capacity;
        if (hasRoom && own.had(invokedMs - READS_MS, intervalMs, burst))
          violate('a call was refused whose key had a token', call);
        continue;
      }
      all.set(key, own);
      own.take(invokedMs, intervalMs, burst);
      const known = buckets.get(key) ?? new Bucket();
      const inUse = [...buckets.values()].filter((each) => each.isInUse(invokedMs + READS_MS)).length;
      if (!known.isInUse(invokedMs - READS_MS) && inUse >= capacity + IN_DOUBT) {
        if (strangers.take(invokedMs, intervalMs, burst) > slack)
          violate('keys that were made up got more than theirs', call);
        continue;
      }
      buckets.set(key, known);
      if (known.take(invokedMs, intervalMs, burst) > slack) violate('a key got more than its rate', call);
    }
  }
  return violations;
}
