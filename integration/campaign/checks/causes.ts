import type { Operation } from '../history.js';
import { type FaultSpan, STARVED, type Violation } from '../part.js';

export interface CauseOptions {
  /** How long after a fault is over it may still be felt; ms. */
  readonly graceMs: number;
  /** Whether this fault can be the reason why this operation failed. */
  concerns(operation: Operation, fault: FaultSpan): boolean;
  /** Operations that are refused for what they are, whatever the servers do. */
  readonly refused?: (operation: Operation) => boolean;
}

/** What failed had a cause: a fault of that time that can be felt there. */
export function checkCauses(
  operations: readonly Operation[],
  faults: readonly FaultSpan[],
  { graceMs, concerns, refused }: CauseOptions,
): Violation[] {
  const violations: Violation[] = [];
  for (const operation of operations) {
    const { outcome, invokedMs, endedMs, name, key } = operation;
    // What never ended was its process's end, or is found as `not stopped in time`.
    if (outcome === 'ok' || !Number.isFinite(endedMs) || refused?.(operation) === true) continue;
    const cause = faults.some((fault) => {
      const near = fault.beganMs <= endedMs && fault.overMs + graceMs >= invokedMs;
      return near && (fault.kind === STARVED || concerns(operation, fault));
    });
    if (cause) continue;
    const code = (operation.error ?? '').split(':')[0];
    const says = `${name} ${key} failed with ${operation.error}, and no fault was there`;
    violations.push({ promise: `failed without a cause: ${code}`, says, operations: [operation] });
  }
  return violations;
}
