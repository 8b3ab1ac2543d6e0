import { join } from 'node:path';
import { checkArrivals } from '../../checks/arrivals.js';
import { checkCauses } from '../../checks/causes.js';
import { type CampaignPart, type FaultSpan, isStarved, type RunRecord, type Violation } from '../../part.js';
import { plan } from './plan.js';
import { SERVERS, WebWorld } from './world.js';

/** An ejected server may be out for so long, and a deadline passes after a fault is over. */
const GRACE_MS = 8_000;
/** Faults after which a call is told at once: another server is asked. */
const TELLING = /^(kill|stop|net-cut|net-reset)$/;
/** What a call may still be on its way into when a fault is over; ms. */
const NEAR_MS = 1_000;

/** A longer body is not sent again by a gateway, to which it comes as a stream. */
const REPLAY_BYTES = 65_536;

/**
 * A GET or PUT that failed although the faults that were near told it at once, and left a server
 * that had none: somebody could answer.
 */
function checkAnswerable({ operations, faults }: RunRecord): Violation[] {
  const violations: Violation[] = [];
  for (const operation of operations) {
    const { name, input, outcome, invokedMs, endedMs } = operation;
    if (outcome === 'ok' || !Number.isFinite(endedMs) || !/^(get|PUT)-/.test(name)) continue;
    if (name === 'PUT-gateway' && Number(input) > REPLAY_BYTES) continue;
    const near = (span: FaultSpan, ms: number): boolean => span.beganMs <= endedMs && span.overMs + ms >= invokedMs;
    const all = faults.filter((span) => near(span, NEAR_MS));
    // What was swallowed before may have used up the budget of repeats, and put servers out.
    if (faults.some((span) => !TELLING.test(span.kind) && near(span, GRACE_MS * 2))) continue;
    const hurt = new Set(all.map(({ target }) => target));
    if (hurt.size === 0 || hurt.size >= SERVERS - 1) continue;
    const says = `${name} ${operation.key} failed with ${operation.error}, and ${SERVERS - hurt.size} servers were well`;
    violations.push({ promise: 'http: failed where a server could answer', says, operations: [operation] });
  }
  return violations;
}

function check(record: RunRecord): Violation[] {
  const { operations, faults } = record;
  return [
    ...checkArrivals(operations, { sends: /^POST-/, delivered: 'delivered-POST', most: 1 }),
    ...checkArrivals(operations, { sends: /^PUT-/, delivered: 'delivered-PUT', most: Number.POSITIVE_INFINITY }),
    ...checkCauses(operations, faults, { graceMs: GRACE_MS, concerns: () => true }),
    ...checkAnswerable(record),
    ...operations
      .filter((call) => call.name.startsWith('final-') && call.outcome !== 'ok' && !isStarved(call, faults))
      .map((operation) => ({
        promise: 'quiet: a request failed with all servers well',
        says: `${operation.key}: ${operation.error}`,
        operations: [operation],
      })),
  ];
}

export const web: CampaignPart = {
  name: 'web',
  client: join(import.meta.dirname, 'client.ts'),
  plan,
  start: () => WebWorld.start(),
  check,
};
