import type { Operation } from '../history.js';
import type { Violation } from '../part.js';
import { byKey, doneMs, SumsByTime } from './index-by-key.js';

export interface CounterNames {
  /**
   * Operations that add: `input` is the number (positive), `output` the new value, or null where the
   * caller does not learn it.
   */
  readonly adds: readonly string[];
  /** Operations that read: `output` is the value; null counts as 0. */
  readonly reads: readonly string[];
  /** A cache forgets: only what is too much is found. Default false. */
  readonly mayForget?: boolean;
}

/**
 * Counters that only grow. Of each value that was seen it is known what it has to contain at least
 * (all that was acknowledged before it was asked for) and at most (all that was asked for until it
 * was answered, and did not say that it failed). Below is a lost write or a stale read, above is one
 * done twice, or one that failed "for certain" and happened.
 */
export function checkCounters(operations: readonly Operation[], names: CounterNames): Violation[] {
  const violations: Violation[] = [];
  for (const [key, all] of byKey(operations, [...names.adds, ...names.reads])) {
    const adds = all.filter(({ name }) => names.adds.includes(name));
    const amount = ({ input }: Operation): number => Number(input ?? 1);
    const acknowledged = new SumsByTime(
      adds.filter(({ outcome }) => outcome === 'ok').map((add) => [doneMs(add), amount(add)]),
    );
    const possible = new SumsByTime(
      adds.filter(({ outcome }) => outcome !== 'fail').map((add) => [add.invokedMs, amount(add)]),
    );
    const seen = new Map<number, Operation>();
    for (const operation of all) {
      if (operation.outcome !== 'ok') continue;
      const isAdd = names.adds.includes(operation.name);
      if (isAdd && (operation.output === null || operation.output === undefined)) continue;
      const value = Number(operation.output ?? 0);
      const least = acknowledged.before(operation.invokedMs) + (isAdd ? amount(operation) : 0);
      // `before` is exclusive: what was asked for at the very moment of the answer counts, too.
      const most = possible.before(operation.endedMs + 1e-6);
      const around = (): Operation[] => [operation, ...all.filter((other) => other !== operation).slice(-6)];
      if (value < least && names.mayForget !== true) {
        const says = `${key} is ${value}, and ${least} was acknowledged before`;
        violations.push({ promise: 'counter: acknowledged write lost', says, operations: around() });
      }
      if (value > most) {
        const says = `${key} is ${value}, and only ${most} was asked for`;
        violations.push({ promise: 'counter: done twice, or although it failed', says, operations: around() });
      }
      const twin = isAdd && names.mayForget !== true ? seen.get(value) : undefined;
      if (twin) {
        const says = `${key} became ${value} twice`;
        violations.push({ promise: 'counter: two additions saw one value', says, operations: [twin, operation] });
      }
      if (isAdd) seen.set(value, operation);
    }
  }
  return violations;
}
