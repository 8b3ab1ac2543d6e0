import { join } from 'node:path';
import { checkDeliveries } from '../../checks/deliveries.js';
import type { Operation } from '../../history.js';
import type { CampaignPart, FaultSpan, RunRecord, Violation } from '../../part.js';
import { plan } from './plan.js';
import { GrpcWorld, LISTED, serverOf } from './world.js';

/** A connection has to come up again, and Consul's check to pass. */
const GRACE_MS = 5_000;
/** Faults of the client itself: its deadlines pass while it does nothing. */
const AT_CLIENT = /^client-/;
const AT_REGISTRY = /^(consul-|join)/;

const timeoutOf = ({ input }: Operation): number => (input as { timeoutMs: number }).timeoutMs;

function check(record: RunRecord): Violation[] {
  const { operations } = record;
  return [
    ...checkDeliveries(operations, {
      received: 'received',
      once: ['write', 'refused', 'gather', 'chat'],
      never: ['unsent'],
      calls: ['read', 'write', 'count', 'gather', 'chat', 'refused', 'final-read'],
    }),
    ...idempotentFailures(record),
    ...ejections(record),
    ...operations
      .filter(({ name, outcome }) => name === 'final-read' && outcome !== 'ok')
      .map((operation) => ({
        promise: 'quiet: a call failed with all servers well',
        says: `${operation.error}`,
        operations: [operation],
      })),
  ];
}

/** Servers that a fault may have touched around this operation. */
function touched(operation: Operation, faults: readonly FaultSpan[]): Set<string> {
  const servers = new Set<string>();
  for (const { kind, target, beganMs, overMs } of faults) {
    if (AT_CLIENT.test(kind) || AT_REGISTRY.test(kind)) continue;
    if (beganMs <= operation.endedMs && overMs + GRACE_MS >= operation.invokedMs) servers.add(serverOf(target));
  }
  return servers;
}

/**
 * An idempotent call with time enough fails only when nobody could have answered, or the budget of
 * repeats was spent: which it is not with one bad server of three, at these numbers of calls.
 */
function idempotentFailures({ operations, faults }: RunRecord): Violation[] {
  const violations: Violation[] = [];
  for (const operation of operations) {
    const { name, outcome, input, endedMs, invokedMs, error } = operation;
    if (name !== 'read' || outcome === 'ok' || !Number.isFinite(endedMs)) continue;
    if (timeoutOf(operation) < 3_000 || (input as { cancelMs?: number }).cancelMs !== undefined) continue;
    const client = faults.some(
      ({ kind, beganMs, overMs }) => AT_CLIENT.test(kind) && beganMs <= endedMs && overMs + 1_000 >= invokedMs,
    );
    const servers = touched(operation, faults);
    if (client || servers.size >= LISTED - 1 || /answer 5/.test(error ?? '')) continue;
    const says = `${operation.key} failed with ${error}, and only ${[...servers].join(', ') || 'no server'} had a fault`;
    violations.push({ promise: 'idempotent call failed although others could answer', says, operations: [operation] });
  }
  return violations;
}

/** Nobody healthy is ejected for what a caller did. */
function ejections({ operations, faults }: RunRecord): Violation[] {
  const ejected = operations.filter(({ name }) => name === 'ejected');
  return ejected
    .filter((event) => {
      const own = faults.some(({ kind, beganMs, overMs }) => {
        return AT_CLIENT.test(kind) && beganMs <= event.endedMs && overMs + 1_000 >= event.invokedMs;
      });
      return !own && !touched(event, faults).has(event.key);
    })
    .map((event) => ({
      promise: 'a server without a fault was ejected',
      says: `${event.client} ejected ${event.key} by ${JSON.stringify(event.input)}`,
      operations: [event, ...operations.filter((other) => around(other, event))],
    }));
}

const around = (operation: Operation, event: Operation): boolean =>
  operation.client === event.client &&
  operation.outcome !== 'ok' &&
  operation.endedMs <= event.endedMs &&
  operation.endedMs > event.endedMs - 2_000;

export const grpc: CampaignPart = {
  name: 'grpc',
  client: join(import.meta.dirname, 'client.ts'),
  plan,
  start: () => GrpcWorld.start(),
  check,
};
