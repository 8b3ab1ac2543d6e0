import { join } from 'node:path';
import { checkCauses } from '../../checks/causes.js';
import { type CampaignPart, isStarved, type RunRecord, type Violation } from '../../part.js';
import { checkCaps } from './caps.js';
import { checkLine } from './line.js';
import type { Asked } from './operations.js';
import { plan } from './plan.js';
import { checkRates } from './rates.js';
import { checkHomes, checkMoves, checkShared } from './sessions.js';
import { CallsWorld } from './world.js';

/** An ejected server may be out for so long, and a deadline passes after a fault is over. */
const GRACE_MS = 8_000;
/** Refused by a limit, or asked for so, or left no time by those before it in a line. */
const REFUSED = /^(FAIRLEAD_(TOO_MANY_CALLS|RATE_LIMITED|DEADLINE_EXCEEDED)|Error: status 500)/;
/** Less than a line may take. */
const SHORT_MS = 4_000;

function check(record: RunRecord): Violation[] {
  const { operations, faults } = record;
  return [
    ...checkCaps(record),
    ...checkLine(record),
    ...checkRates(record),
    ...checkHomes(record),
    ...checkMoves(record),
    ...checkShared(record),
    ...checkCauses(operations, faults, {
      graceMs: GRACE_MS,
      concerns: ({ name }) => name === 'call' || name === 'probe',
      refused: ({ error = '', input }) => REFUSED.test(error) || ((input as Asked).deadlineMs ?? 0) < SHORT_MS,
    }),
    ...operations
      .filter((call) => call.name === 'final-call' && call.outcome !== 'ok' && !isStarved(call, faults))
      .map((operation) => ({
        promise: 'quiet: a call failed with all servers well',
        says: `${operation.error}`,
        operations: [operation],
      })),
  ];
}

export const calls: CampaignPart = {
  name: 'calls',
  client: join(import.meta.dirname, 'client.ts'),
  plan,
  start: () => CallsWorld.start(),
  check,
};
