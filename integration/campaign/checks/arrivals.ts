import type { Operation } from '../history.js';
import type { Violation } from '../part.js';

export interface ArrivalOptions {
  /** Names of operations that send something under a key of its own. */
  readonly sends: RegExp;
  /** The name of the operations with which servers tell what they got; their input is its size. */
  readonly delivered: string;
  /** How often one may be delivered. */
  readonly most: number;
}

/**
 * What was sent, and what servers got. Acknowledged: at least once. Said not to have been sent: never.
 * Never more often than allowed, and never another size than was sent.
 */
export function checkArrivals(
  operations: readonly Operation[],
  { sends, delivered, most }: ArrivalOptions,
): Violation[] {
  const got = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.name !== delivered) continue;
    const list = got.get(operation.key);
    if (list === undefined) got.set(operation.key, [operation]);
    else list.push(operation);
  }
  const violations: Violation[] = [];
  for (const operation of operations) {
    if (!sends.test(operation.name)) continue;
    const { key, name, outcome, input, error } = operation;
    const mine = got.get(key) ?? [];
    const violate = (promise: string, says: string): void =>
      void violations.push({
        promise: `arrival: ${promise}`,
        says: `${name} ${key} ${says}`,
        operations: [operation, ...mine],
      });
    if (mine.length > most) violate('more than once', `was delivered ${mine.length} times`);
    if (outcome === 'ok' && mine.length === 0)
      violate('acknowledged and lost', 'was acknowledged, and no server got it');
    if (outcome === 'fail' && mine.length > 0)
      violate('said not to be sent', `failed with ${error}, and was delivered`);
    for (const each of mine)
      if (each.input !== input)
        violate('truncated', `has ${String(input)} bytes, and ${String(each.input)} were delivered`);
  }
  return violations;
}
