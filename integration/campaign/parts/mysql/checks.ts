import { checkCauses } from '../../checks/causes.js';
import { checkRegisters } from '../../checks/registers.js';
import type { Operation } from '../../history.js';
import type { FaultSpan, RunRecord, Violation } from '../../part.js';
import { FIRST_VALUES } from './world.js';

/** A lock is a server's own: while the primary changes there are two of each. */
const CHANGES_ROLES = new Set(['switch', 'demote']);

/** From the answer that it has the lock to the question that said that it still had it. */
export function checkHolds({ operations, faults }: RunRecord): Violation[] {
  const changes = faults.filter(({ kind }) => CHANGES_ROLES.has(kind));
  const isChanging = (atMs: number): boolean =>
    changes.some((change) => change.beganMs - 1_000 <= atMs && atMs <= change.overMs + 10_000);
  const violations: Violation[] = [];
  const last = new Map<string, { readonly operation: Operation; readonly toMs: number }>();
  const holds = operations
    .filter(({ name, outcome, output }) => name === 'hold' && outcome === 'ok' && output !== null)
    .map((operation) => ({ operation, ...(operation.output as { fromMs: number; toMs: number }) }))
    .sort((a, b) => a.fromMs - b.fromMs);
  for (const { operation, fromMs, toMs } of holds) {
    const before = last.get(operation.key);
    if (before !== undefined && fromMs < before.toMs && !isChanging(fromMs)) {
      violations.push({ promise: 'lock: two holders', says: operation.key, operations: [before.operation, operation] });
    }
    if (before === undefined || toMs > before.toMs) last.set(operation.key, { operation, toMs });
  }
  return violations;
}

/** A session that goes on elsewhere reads what it wrote, or what was written later. */
export function checkTokens({ operations }: RunRecord): Violation[] {
  const writes = new Map(operations.filter(({ name }) => name === 'write').map((write) => [write.input, write]));
  return operations
    .filter(({ name, outcome }) => name === 'token-read' && outcome === 'ok')
    .flatMap((read) => {
      const [promised, found] = [writes.get(read.input), writes.get(read.output)];
      if (promised === undefined) return [];
      if (found !== undefined && (found.outcome !== 'ok' || found.endedMs >= promised.invokedMs)) return [];
      const says = `${read.key} is ${JSON.stringify(read.output)}, and its session wrote ${JSON.stringify(read.input)}`;
      return [{ promise: 'session: a token reads what is older than its write', says, operations: [promised, read] }];
    });
}

/** A look is an interval old, or a second where it took so long; the rest is for a busy machine. */
const LOOKS_MS = 3_000;

/** Faults under which a replica's lag can be measured. */
const MEASURABLE = /^(replication-stopped|consul-|critical|client-kill|disconnect)/;

/**
 * What is read without a promise of consistency is at most `maxLagMs` old. Asked for only where the
 * primary could be looked at all the time: without it the replica that has most is the measure.
 */
export function checkAge({ operations, faults, schedule }: RunRecord): Violation[] {
  const { maxLagMs = 10_000, probeIntervalMs } = schedule.options as { maxLagMs?: number; probeIntervalMs: number };
  const ageMs = maxLagMs + 2 * probeIntervalMs + LOOKS_MS;
  const blind = faults.filter(({ kind }) => !MEASURABLE.test(kind));
  const measured = operations
    .filter(({ name }) => name === 'read' || name === 'read-old')
    .filter(
      ({ invokedMs, endedMs }) =>
        !blind.some(({ beganMs, overMs }) => beganMs <= endedMs && overMs + LOOKS_MS >= invokedMs - ageMs),
    )
    // It must have seen what was there when it was that much earlier.
    .map((read) => ({ ...read, name: 'read-aged', invokedMs: read.invokedMs - ageMs }));
  const writes = operations.filter(({ name }) => name === 'write');
  return checkRegisters([...writes, ...measured], { writes: ['write'], reads: ['read-aged'] }).map((violation) => ({
    ...violation,
    promise: violation.promise.replace('register:', 'maxLagMs:'),
  }));
}

/**
 * Where replicas stand still before a client begins: the second value was there long before it, and
 * whoever reads the first one has read what no look has shown to be new.
 */
export function checkBeginning({ operations, schedule }: RunRecord): Violation[] {
  if (schedule.options.startsBehind !== true) return [];
  const [old] = FIRST_VALUES;
  return operations
    .filter(({ name, outcome, output }) => /read/.test(name) && outcome === 'ok' && output === old)
    .map((read) => ({
      promise: 'maxLagMs: a client that has just begun reads what is far older',
      says: `${read.key} is '${old}'`,
      operations: [read],
    }));
}

/** The prober's interval, a second between attempts to connect, and a busy machine. */
const GRACE_MS = 5_000;

/** Faults that no statement may notice: the last list serves, and reads find another server. */
const UNNOTICED = /^(client-|consul-|replication-stopped)/;

/** What met another transaction, whatever the servers do. */
const MET_ANOTHER = /^ER_(LOCK_|CHECKREAD)/;

export function checkFailures({ operations, faults }: RunRecord): Violation[] {
  // A connection that was forgotten is found out when it is used, whenever that is.
  const felt = faults.map((fault) => (fault.kind === 'net-forget' ? { ...fault, overMs: Infinity } : fault));
  return checkCauses(operations, felt, {
    graceMs: GRACE_MS,
    concerns: (_, { kind }: FaultSpan) => !UNNOTICED.test(kind),
    refused: ({ error = '' }) => MET_ANOTHER.test(error),
  });
}

/** All rows of a LOAD DATA or none, and all of one that was acknowledged. */
export function checkLoads({ operations }: RunRecord): Violation[] {
  const last = operations.findLast(({ name, outcome }) => name === 'final-loaded' && outcome === 'ok');
  if (last === undefined) return [];
  const counts = last.output as Readonly<Record<string, number>>;
  return operations
    .filter(({ name }) => name === 'load')
    .flatMap((load) => {
      const found = counts[load.key] ?? 0;
      const wanted = Number(load.input);
      const allowed = load.outcome === 'ok' ? [wanted] : load.outcome === 'fail' ? [0] : [0, wanted];
      if (allowed.includes(found)) return [];
      const says = `${load.key} has ${found} rows of ${wanted}, and ended ${load.outcome}`;
      return [{ promise: 'load: neither all nor nothing', says, operations: [load] }];
    });
}
