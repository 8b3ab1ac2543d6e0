import type { Random } from 'fairlead/testing';
import { forgetful, netFaults } from '../../net-faults.js';
import type { FaultKind, Plan } from '../../part.js';
import { processFaults } from '../../process-faults.js';
import { registryFaults } from '../../registry.js';
import { clientFaults } from '../../schedule.js';
import { someOperations } from './operations/index.js';

export const SERVERS = 3;
const CLIENTS = 2;

const FEW: ReadonlySet<string> = new Set(['replication-stopped', 'disconnect', 'net-reset', 'critical-flap']);

/** A primary and two replicas, on MySQL or MariaDB, and every fault that the harness can make. */
export function plan(random: Random): Plan {
  const pick = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;
  const options = {
    flavor: pick('mysql', 'mariadb'),
    consistencyWaitMs: pick(undefined, 0, 500),
    maxLagMs: pick(undefined, 2_000),
    probeIntervalMs: pick(200, 200, 1_000),
    connectionLimit: pick(undefined, 3),
    acquireTimeoutMs: pick(4_000, 8_000),
    queryTimeoutMs: pick(2_000, 4_000),
    retryReads: pick(undefined, false),
    maxPreparedStatements: pick(undefined, 3),
    charset: pick(undefined, 'UTF8MB4_BIN'),
    autocommit: pick(undefined, undefined, false),
    startsBehind: pick(undefined, true),
    operations: someOperations(random),
  };
  const clean = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const faults = [
    ...processFaults(SERVERS),
    ...netFaults(SERVERS),
    ...registryFaults(SERVERS),
    ...clientFaults(CLIENTS),
    ...sqlFaults(),
  ];
  // What sessions leave is found by many of them, and servers that are down have none.
  const few = faults.filter(({ kind }) => FEW.has(kind));
  return {
    options: clean,
    faults: pick(faults, few, [...few, forgetful(SERVERS)]),
    clients: 1 + random.below(CLIENTS),
    workers: pick(3, 6),
    keys: pick(4, 12),
  };
}

function sqlFaults(): FaultKind[] {
  const at = (kind: string, lastsMs: readonly [number, number], weight: number, group?: string): FaultKind => {
    return { kind, targets: SERVERS, lastsMs, weight, ...(group !== undefined && { group }) };
  };
  return [
    at('switch', [1, 5], 2),
    at('demote', [50, 2_000], 1, 'role'),
    at('replication-stopped', [200, 5_000], 2, 'replication'),
    at('disconnect', [1, 5], 2),
    at('full', [100, 1_500], 0.5, 'full'),
    at('locked-out', [50, 1_500], 0.5, 'password'),
  ];
}
