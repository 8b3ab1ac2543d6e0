import { join } from 'node:path';
import { checkCounters } from '../../checks/counters.js';
import { checkRegisters } from '../../checks/registers.js';
import type { Operation } from '../../history.js';
import type { CampaignPart, RunRecord, Violation } from '../../part.js';
import { plan } from './plan.js';
import { MysqlWorld } from './world.js';

/** A lock is a server's own: while the primary changes there are two of each. */
const CHANGES_ROLES = new Set(['switch', 'demote']);

function check({ operations, faults }: RunRecord): Violation[] {
  const changes = faults.filter(({ kind }) => CHANGES_ROLES.has(kind));
  return [
    ...checkCounters(operations, { adds: ['incr'], reads: ['final-count'] }),
    ...checkRegisters(operations, { writes: ['write'], reads: ['read-strong', 'final-read'] }),
    ...checkRegisters(operations, { writes: ['write'], reads: ['read'], sees: 'own' }),
    ...checkRegisters(operations, { writes: ['write'], reads: ['read-old'], anyAge: () => true }),
    ...checkHolds(operations, (atMs) =>
      changes.some((change) => change.beganMs - 1_000 <= atMs && atMs <= change.overMs + 10_000),
    ),
    ...checkTokens(operations),
    ...operations
      .filter(({ name, outcome }) => name.startsWith('final-') && outcome !== 'ok')
      .map((operation) => ({
        promise: 'quiet: a read failed with all servers well',
        says: `${operation.key}: ${operation.error}`,
        operations: [operation],
      })),
  ];
}

/** From the answer that it has the lock to the question that said that it still had it. */
function checkHolds(operations: readonly Operation[], changes: (atMs: number) => boolean): Violation[] {
  const violations: Violation[] = [];
  const last = new Map<string, { readonly operation: Operation; readonly toMs: number }>();
  const holds = operations
    .filter(({ name, outcome, output }) => name === 'hold' && outcome === 'ok' && output !== null)
    .map((operation) => ({ operation, ...(operation.output as { fromMs: number; toMs: number }) }))
    .sort((a, b) => a.fromMs - b.fromMs);
  for (const { operation, fromMs, toMs } of holds) {
    const before = last.get(operation.key);
    if (before !== undefined && fromMs < before.toMs && !changes(fromMs)) {
      violations.push({ promise: 'lock: two holders', says: operation.key, operations: [before.operation, operation] });
    }
    if (before === undefined || toMs > before.toMs) last.set(operation.key, { operation, toMs });
  }
  return violations;
}

/** A session that goes on elsewhere reads what it wrote, or what was written later. */
function checkTokens(operations: readonly Operation[]): Violation[] {
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

export const mysql: CampaignPart = {
  name: 'mysql',
  client: join(import.meta.dirname, 'client.ts'),
  plan,
  start: (schedule) => MysqlWorld.start(schedule),
  check,
};
