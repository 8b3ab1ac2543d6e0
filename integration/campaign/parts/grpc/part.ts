import { join } from 'node:path';
import { checkDeliveries } from '../../checks/deliveries.js';
import { checkVersions } from '../../checks/versions.js';
import type { Operation } from '../../history.js';
import {
  type CampaignPart,
  type FaultSpan,
  isStarved,
  type RunRecord,
  type Schedule,
  STARVED,
  type Violation,
} from '../../part.js';
import { AT_REGISTRY as TOLD } from '../../registry.js';
import { ANNOUNCED, planOf } from './plan.js';
import { GrpcWorld, LISTED, serverOf } from './world.js';

/** A connection has to come up again, and Consul's check to pass. */
const GRACE_MS = 5_000;
/** Faults of the client itself: its deadlines pass while it does nothing. */
const AT_CLIENT = /^client-/;
const AT_REGISTRY = new RegExp(`${TOLD.source}|^join`);

/** Of the servers, so many are known to a client that has an aperture, of its own or by a document. */
const LEAST_APERTURE = 2;

/** How many servers a client knows at least. */
const knownTo = ({ options }: Schedule): number =>
  options.config === true ? LEAST_APERTURE : ((options.aperture as number | undefined) ?? LISTED);

/** By a limit of its own: calls of gRPC do not wait for one, as docs/grpc.md says. */
const BY_LIMIT = /as many as resilience\.limits allows/;

/** After so long without an answer an idempotent call is made elsewhere as well; ms. */
const HEDGED_AFTER_MS = 500;

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
    ...lostToRestarts(record),
    ...strayed(record),
    ...leftStreams(record),
    ...checkVersions(operations, { keepsState: record.schedule.options.registry === 'etcd' }),
    ...operations
      .filter((call) => call.name === 'final-read' && call.outcome !== 'ok' && !isStarved(call, record.faults))
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
  const all = Array.from({ length: LISTED }, (_, target) => serverOf(target));
  for (const { kind, target, beganMs, overMs } of faults) {
    if (AT_CLIENT.test(kind) || AT_REGISTRY.test(kind)) continue;
    if (beganMs > operation.endedMs || overMs + GRACE_MS < operation.invokedMs) continue;
    for (const server of kind === STARVED ? all : [serverOf(target)]) servers.add(server);
  }
  return servers;
}

/**
 * An idempotent call with time enough fails only when nobody could have answered, or the budget of
 * repeats was spent: which it is not with one bad server of three, at these numbers of calls.
 */
function idempotentFailures({ operations, faults, schedule }: RunRecord): Violation[] {
  const known = knownTo(schedule);
  const violations: Violation[] = [];
  for (const operation of operations) {
    const { name, outcome, input, endedMs, invokedMs, error } = operation;
    if (name !== 'read' || outcome === 'ok' || !Number.isFinite(endedMs)) continue;
    if (timeoutOf(operation) < 3_000 || (input as { cancelMs?: number }).cancelMs !== undefined) continue;
    const client = faults.some(
      ({ kind, beganMs, overMs }) => AT_CLIENT.test(kind) && beganMs <= endedMs && overMs + 1_000 >= invokedMs,
    );
    const servers = touched(operation, faults);
    if (client || servers.size >= known - 1 || /answer 5/.test(error ?? '') || BY_LIMIT.test(error ?? '')) continue;
    const says = `${operation.key} failed with ${error}, and only ${[...servers].join(', ') || 'no server'} had a fault`;
    violations.push({ promise: 'idempotent call failed although others could answer', says, operations: [operation] });
  }
  return violations;
}

/**
 * A server that is stopped in good order loses no call, not even one that must not be repeated:
 * what it had is answered, and what crossed its GOAWAY it has not done.
 */
function lostToRestarts({ operations, faults, schedule }: RunRecord): Violation[] {
  // Where all that a client knows are being restarted, nobody can answer.
  const known = knownTo(schedule);
  return operations
    .filter((operation) => {
      const { name, outcome, input, error, endedMs, invokedMs } = operation;
      if (name !== 'write' || outcome === 'ok' || !Number.isFinite(endedMs) || !error?.startsWith('14:')) return false;
      if ((input as { cancelMs?: number }).cancelMs !== undefined || BY_LIMIT.test(error)) return false;
      if (touched(operation, faults).size >= known) return false;
      const felt = faults.filter(({ beganMs, overMs }) => beganMs <= endedMs && overMs + GRACE_MS >= invokedMs);
      return felt.some(({ kind }) => kind === 'stop') && felt.every(({ kind }) => ANNOUNCED.test(kind));
    })
    .map((operation) => ({
      promise: 'a call was lost to a restart in good order',
      says: `${operation.key}: ${operation.error}`,
      operations: [operation],
    }));
}

/** What leaves sessions where they are. */
const QUIET = /^(config|reweigh)/;

/**
 * With affinity, calls of one key go to one server, as long as nothing happens to it. What was slow
 * may have been answered by another one.
 */
function strayed({ operations, faults, schedule }: RunRecord): Violation[] {
  if (schedule.options.affinity !== true) return [];
  const violations: Violation[] = [];
  const last = new Map<string, Operation>();
  const ejected = operations.filter(({ name }) => name === 'ejected');
  for (const operation of operations) {
    const { key } = (operation.input ?? {}) as { key?: string };
    const { server } = (operation.output ?? {}) as { server?: string };
    if (key === undefined || server === undefined || operation.outcome !== 'ok') continue;
    if (operation.endedMs - operation.invokedMs >= HEDGED_AFTER_MS) continue;
    const before = last.get(key);
    last.set(key, operation);
    const home = (before?.output as { server?: string } | undefined)?.server;
    if (before === undefined || home === server || before.endedMs > operation.invokedMs) continue;
    const reason = faults.some(({ kind, beganMs, overMs }) => {
      return !QUIET.test(kind) && beganMs <= operation.endedMs && overMs + GRACE_MS >= before.invokedMs;
    });
    // Whether that was right is checked by itself.
    const out = ejected.some(({ client, key: id, invokedMs }) => {
      return client === operation.client && id === home && invokedMs <= operation.endedMs;
    });
    if (reason || out) continue;
    const says = `'${key}' went from ${home} to ${server}, and nothing had happened`;
    violations.push({ promise: 'a session left its server', says, operations: [before, operation] });
  }
  return violations;
}

/** Longer than a machine that is busy takes to tell a server; ms. */
const HEARD_WITHIN_MS = 3_000;

/** Who leaves a stream ends its call, and its server hears of it. */
function leftStreams({ operations, faults }: RunRecord): Violation[] {
  const over = new Map(operations.filter(({ name }) => name === 'over').map(({ key, input }) => [key, Number(input)]));
  const ended = Math.max(...operations.map(({ invokedMs }) => invokedMs));
  return operations
    .filter(({ name, key, outcome, endedMs }) => {
      if (name !== 'endless' || outcome !== 'ok' || endedMs + HEARD_WITHIN_MS > ended) return false;
      const until = endedMs + HEARD_WITHIN_MS;
      const hindered = faults.some(({ kind, beganMs, overMs }) => {
        return !AT_REGISTRY.test(kind) && beganMs <= until && overMs + GRACE_MS >= endedMs - GRACE_MS;
      });
      return !hindered && !((over.get(key) ?? Number.POSITIVE_INFINITY) <= until);
    })
    .map((operation) => ({
      promise: 'a stream that was left went on at its server',
      says: `${operation.key}, left by ${(operation.input as { leaving?: string }).leaving}`,
      operations: [operation],
    }));
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

const part = (name: 'grpc' | 'connect'): CampaignPart => ({
  name,
  client: join(import.meta.dirname, 'client.ts'),
  plan: planOf(name),
  start: (schedule) => GrpcWorld.start(schedule),
  check,
});

export const grpc: CampaignPart = part('grpc');
export const connect: CampaignPart = part('connect');
