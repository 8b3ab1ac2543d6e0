import type { Random } from 'fairlead/testing';
import { netFaults } from '../../net-faults.js';
import type { FaultKind, Plan } from '../../part.js';
import { processFaults } from '../../process-faults.js';
import { registryFaults } from '../../registry.js';
import { clientFaults } from '../../schedule.js';
import { LISTED } from './world.js';

const CLIENTS = 2;

export function plan(random: Random): Plan {
  const pick = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;
  const options = {
    client: pick('grpc', 'grpc', 'connect'),
    policy: pick('least_request', 'peak_ewma', 'round_robin', 'consistent_hash', 'random'),
    affinity: pick(false, true),
    limits: pick(undefined, undefined, { maxInflightPerEndpoint: 20, maxPending: 500 }),
    aperture: pick(undefined, undefined, 2),
  };
  const clean = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const sized = { clients: 1 + random.below(CLIENTS), workers: pick(6, 12, 24), keys: pick(4, 16) };
  return { ...sized, options: clean, faults: faultsOf() };
}

function faultsOf(): FaultKind[] {
  const answers = (kind: string, lastsMs: readonly [number, number], weight = 0.7): FaultKind => {
    return { kind: `answers-${kind}`, targets: LISTED, lastsMs, weight, group: 'answers' };
  };
  return [
    ...processFaults(LISTED),
    ...netFaults(LISTED),
    ...registryFaults(LISTED),
    ...clientFaults(CLIENTS),
    answers('unavailable', [100, 2_000]),
    answers('not-found', [100, 2_000]),
    answers('slow', [100, 3_000]),
    answers('hang', [100, 3_000]),
    { kind: 'join', targets: 1, lastsMs: [10, 4_000], group: 'topology' },
    { kind: 'leave', targets: LISTED, lastsMs: [10, 3_000], group: 'listed' },
  ];
}
