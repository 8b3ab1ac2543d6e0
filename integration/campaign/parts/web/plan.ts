import type { Random } from 'fairlead/testing';
import { netFaults } from '../../net-faults.js';
import type { Plan } from '../../part.js';
import { processFaults } from '../../process-faults.js';
import { clientFaults } from '../../schedule.js';
import { SERVERS } from './world.js';

const CLIENTS = 2;

export function plan(random: Random): Plan {
  const pick = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;
  // HTTP has no checksum: bytes that a network changes are the caller's.
  const net = netFaults(SERVERS).filter(({ kind }) => !kind.startsWith('net-corrupt'));
  return {
    options: {
      policy: pick('round_robin', 'least_request', 'peak_ewma'),
      deadlineMs: pick(2_000, 5_000),
      hedgeMs: pick(0, 0, 100),
      connections: pick(2, 16),
    },
    clients: 1 + random.below(CLIENTS),
    workers: pick(8, 24),
    keys: 8,
    faults: [...processFaults(SERVERS), ...net, ...clientFaults(CLIENTS)],
  };
}
