import { canaryOf } from '../routing/canary/canary.js';
import { routingOf } from '../routing/routing.js';
import type { Service } from '../service/contract.js';
import type { PartSnapshot } from './snapshot.js';

/** How the calls of a service are routed, as figures of a part; undefined where they are not. */
export function routingPart(service: Service): PartSnapshot | undefined {
  const routing = routingOf(service);
  if (routing === undefined) return undefined;
  const figures: Record<string, number> = {};
  const { arms, lanes, shadow } = routing.status;
  for (const [name, { share, endpoints, calls, errors, spilled }] of Object.entries(arms)) {
    figures[`share ${name}`] = share;
    figures[`endpoints ${name}`] = endpoints.length;
    figures[`calls ${name}`] = calls;
    figures[`errors ${name}`] = errors;
    figures[`spilled ${name}`] = spilled;
  }
  for (const [name, { calls, spilled }] of Object.entries(lanes)) {
    figures[`laneCalls ${name}`] = calls;
    figures[`laneSpilled ${name}`] = spilled;
  }
  for (const [name, value] of Object.entries(shadow ?? {})) {
    if (typeof value === 'number') figures[`shadow ${name}`] = value;
  }
  const canary = canaryOf(routing)?.status;
  if (canary !== undefined) {
    figures.canaryStep = canary.step;
    figures.canaryShare = canary.share;
    figures.canaryCalls = canary.calls;
    figures.canaryStalled = Number(canary.stalled);
    figures.canaryRolledBack = Number(canary.state === 'rolled_back');
  }
  return { kind: 'routing', name: service.name, figures };
}
