import { join } from 'node:path';
import { checkCounters } from '../../checks/counters.js';
import { checkRegisters } from '../../checks/registers.js';
import type { Operation } from '../../history.js';
import type { CampaignPart, RunRecord, Schedule, Violation } from '../../part.js';
import { checkAge, checkBeginning, checkFailures, checkHolds, checkLoads, checkTokens } from './checks.js';
import { plan } from './plan.js';
import { FIRST_VALUES, MysqlWorld } from './world.js';

function check(given: RunRecord): Violation[] {
  const all = [...firstWrites(given.schedule), ...given.operations];
  const operations = all.map((each) => (each.name === 'write-apart' ? { ...each, name: 'write' } : each));
  const record = { ...given, operations };
  return [
    ...checkCounters(operations, { adds: ['incr', 'add'], reads: ['final-count'] }),
    ...checkRegisters(operations, { writes: ['write'], reads: ['read-strong', 'final-read'] }),
    ...checkRegisters(all.map(apart), { writes: ['write'], reads: ['read'], sees: 'own' }),
    ...checkRegisters(operations, { writes: ['write'], reads: ['read-old', 'token-read'], anyAge: () => true }),
    ...checkAge(record),
    ...checkBeginning(record),
    ...checkHolds(record),
    ...checkTokens(record),
    ...checkLoads(record),
    ...checkFailures(given),
    ...operations
      .filter(({ name, outcome }) => name.startsWith('final-') && outcome !== 'ok')
      .map((operation) => ({
        promise: 'quiet: a read failed with all servers well',
        says: `${operation.key}: ${operation.error}`,
        operations: [operation],
      })),
  ];
}

/** What a session of its own wrote is another client's, for reads outside of it. */
function apart(operation: Operation): Operation {
  if (operation.name !== 'write-apart') return operation;
  return { ...operation, name: 'write', client: `${operation.client} apart` };
}

/** What the world wrote before the first client. */
function firstWrites({ options, keys }: Schedule): Operation[] {
  if (options.startsBehind !== true) return [];
  return FIRST_VALUES.flatMap((value, i) =>
    Array.from({ length: keys }, (_, k) => ({
      id: `first-${i}-${k}`,
      client: 'world',
      worker: 0,
      name: 'write',
      key: `k${k}`,
      input: value,
      invokedMs: 2 * i,
      endedMs: 2 * i + 1,
      outcome: 'ok' as const,
      output: undefined,
    })),
  );
}

export const mysql: CampaignPart = {
  name: 'mysql',
  client: join(import.meta.dirname, 'client.ts'),
  plan,
  start: (schedule) => MysqlWorld.start(schedule),
  check,
};
