import type { Operation } from '../history.js';
import type { Violation } from '../part.js';

export interface DeliveryNames {
  /** What servers wrote down: `key` is the call, `output` the server. */
  readonly received: string;
  /** Calls that must not be made twice. */
  readonly once: readonly string[];
  /** Calls that no server may hear of. */
  readonly never: readonly string[];
  /** All calls: what succeeded was received by the server that its answer names. */
  readonly calls: readonly string[];
}

/** Compares what clients were told with what servers say they received. */
export function checkDeliveries(operations: readonly Operation[], names: DeliveryNames): Violation[] {
  const received = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.name !== names.received) continue;
    received.set(operation.key, [...(received.get(operation.key) ?? []), operation]);
  }
  const violations: Violation[] = [];
  for (const call of operations) {
    const deliveries = received.get(call.key) ?? [];
    const at = deliveries.map(({ output }) => String(output));
    const complain = (promise: string, says: string): void => {
      violations.push({
        promise: `delivery: ${promise}`,
        says: `${call.key} (${call.name}): ${says}`,
        operations: [call],
      });
    };
    if (names.once.includes(call.name) && at.length > 1) complain('what must not be repeated was', at.join(', '));
    if (names.never.includes(call.name) && at.length > 0) complain('what was over was sent', at.join(', '));
    if (!names.calls.includes(call.name)) continue;
    if (call.outcome === 'fail' && at.length > 0) complain('what failed for certain was received', at.join(', '));
    const { server } = (call.output ?? {}) as { server?: string };
    if (call.outcome === 'ok' && server !== undefined && !at.includes(server)) {
      complain('answered by a server that received nothing', server);
    }
  }
  return violations;
}
