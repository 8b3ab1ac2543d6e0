import type { Operation } from '../history.js';
import type { Violation } from '../part.js';
import { byKey } from './index-by-key.js';

export interface LockNames {
  /** `output` true: it has the lock. `input` names the holder, uniquely. */
  readonly acquires: readonly string[];
  /** `input` is the holder that gives it back. */
  readonly releases: readonly string[];
}

/**
 * A lock that does not expire has one holder: from when it was told so until it asks to give it back.
 * A release that failed for certain gives nothing back.
 */
export function checkLocks(operations: readonly Operation[], names: LockNames): Violation[] {
  const violations: Violation[] = [];
  for (const [key, all] of byKey(operations, [...names.acquires, ...names.releases])) {
    const releases = new Map<unknown, number>();
    for (const { name, input, invokedMs, outcome } of all) {
      if (!names.releases.includes(name) || outcome === 'fail') continue;
      releases.set(input, Math.min(releases.get(input) ?? Number.POSITIVE_INFINITY, invokedMs));
    }
    const holds = all
      .filter(({ name, outcome, output }) => names.acquires.includes(name) && outcome === 'ok' && output === true)
      .map((acquire) => {
        return { acquire, fromMs: acquire.endedMs, toMs: releases.get(acquire.input) ?? Number.POSITIVE_INFINITY };
      })
      .sort((a, b) => a.fromMs - b.fromMs);
    let last: (typeof holds)[number] | undefined;
    for (const hold of holds) {
      if (last !== undefined && hold.fromMs < last.toMs) {
        const says = `${key} has ${String(last.acquire.input)} and ${String(hold.acquire.input)}`;
        violations.push({ promise: 'lock: two holders', says, operations: [last.acquire, hold.acquire] });
      }
      if (last === undefined || hold.toMs > last.toMs) last = hold;
    }
  }
  return violations;
}
