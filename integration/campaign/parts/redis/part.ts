import { join } from 'node:path';
import { checkCauses } from '../../checks/causes.js';
import { checkCollections, checkQueues } from '../../checks/collections.js';
import { checkCounters } from '../../checks/counters.js';
import { checkLocks } from '../../checks/locks.js';
import { checkRegisters } from '../../checks/registers.js';
import type { Operation } from '../../history.js';
import { type CampaignPart, type FaultSpan, isStarved, type RunRecord, type Violation } from '../../part.js';
import { checkHearing } from './hearing.js';
import { checkHeldUp } from './held-up.js';
import { checkPlaces } from './places.js';
import { plan } from './plan.js';
import { RedisWorld, shardOf } from './world.js';

/** Down for `downAfterMs`, then a check of Consul, a probe, and at most a second between connects. */
const GRACE_MS = 4_000;

/** Clients see a failure, and its end, up to a second apart; and a pause of their own on top. */
const DIFFER_MS = 2_000;

/** Faults that no command may notice: the last list of servers serves, and scripts are sent again. */
const UNNOTICED = /^(client-|consul-|registrar-|join|late|scripts-forgotten|disconnect-subscribers)/;

/** Once keys move, what a command needs may be at any server. */
const concerns =
  (moving: boolean) =>
  ({ about }: Operation, { kind, target }: FaultSpan): boolean => {
    if (UNNOTICED.test(kind)) return false;
    const { shard } = (about ?? {}) as { shard?: string };
    return moving || shard === undefined || shard === shardOf(target);
  };

/** What the client that hears late knows of nothing is worth nothing: it may have happened. */
function asTold({ operations, faults, schedule }: RunRecord): readonly Operation[] {
  const late = faults.filter(({ kind }) => kind === 'late');
  if (late.length === 0) return operations;
  const { settleMs } = schedule.options.handover as { settleMs: number };
  return operations.map((operation) => {
    const { client, name, endedMs, invokedMs } = operation;
    const then = late.some(({ beganMs, overMs }) => beganMs <= endedMs && overMs + settleMs + 1_000 >= invokedMs);
    if (!then || !/^c0/.test(client) || name.startsWith('final-') || operation.outcome !== 'ok') return operation;
    return { ...operation, outcome: 'unknown' as const, output: undefined };
  });
}

function check(record: RunRecord): Violation[] {
  const { faults, schedule } = record;
  const operations = asTold(record);
  const { mode } = schedule.options;
  const cache = mode === 'cache';
  const counters = { adds: ['incr'], reads: ['final-count'], mayForget: cache };
  const registers = { writes: ['write'], reads: ['read', 'final-read'], mayForget: cache };
  return [
    ...checkCounters(operations, counters),
    ...checkRegisters(operations, { ...registers, ...(cache && { sees: 'own', differMs: DIFFER_MS }) }),
    ...checkCollections(operations, { adds: ['add'], reads: ['items', 'final-items'] }),
    ...checkQueues(operations, { puts: ['put'], takes: ['take'], left: ['final-left'] }),
    ...checkLocks(operations, { acquires: ['acquire'], releases: ['release'] }),
    ...(cache ? [] : checkHearing(record)),
    ...checkPlaces(record),
    ...checkHeldUp(record),
    ...(cache
      ? []
      : checkCauses(record.operations, faults, { graceMs: GRACE_MS, concerns: concerns(mode === 'moving') })),
    ...lateWrites(record),
    ...operations
      .filter((read) => read.name.startsWith('final-') && read.outcome !== 'ok' && !isStarved(read, faults))
      .map((operation) => ({
        promise: 'quiet: a read failed with all servers well',
        says: `${operation.key}: ${operation.error}`,
        operations: [operation],
      })),
  ];
}

/** Two looks at the shard, the longest of the plan, and what the machine takes. */
const DEMOTION_SEEN_MS = 1_200;

/** Once a look has found that a server is a replica, nothing that writes is sent there. */
function lateWrites({ operations, faults }: RunRecord): Violation[] {
  const demotions = faults.filter(({ kind }) => kind === 'demote');
  return operations
    .filter((operation) => {
      const { error, about, invokedMs, endedMs } = operation;
      if (
        error === undefined ||
        isStarved(operation, faults) ||
        !/READONLY/.test(error) ||
        !error.startsWith('ReplyError')
      )
        return false;
      const { shard } = (about ?? {}) as { shard?: string };
      const seen = demotions.filter(
        ({ target, beganMs, overMs }) =>
          shardOf(target) === shard && beganMs + DEMOTION_SEEN_MS < invokedMs && overMs > endedMs,
      );
      return seen.length > 0;
    })
    .map((operation) => ({
      promise: 'a server was written to long after it had become a replica',
      says: `${operation.name} ${operation.key}: ${operation.error}`,
      operations: [operation],
    }));
}

export const redis: CampaignPart = {
  name: 'redis',
  client: join(import.meta.dirname, 'client.ts'),
  plan,
  start: (schedule) => RedisWorld.start(schedule),
  check,
};
