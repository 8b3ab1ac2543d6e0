import type { Random } from 'fairlead/testing';
import { netFaults } from '../../net-faults.js';
import type { FaultKind, Plan } from '../../part.js';
import { processFaults } from '../../process-faults.js';
import { clientFaults, swarm } from '../../schedule.js';

export const SERVERS = 5;
const CLIENTS = 2;

/** What the clients of a round go by. */
export interface CallsPlan {
  readonly policy: 'round_robin' | 'least_request' | 'random';
  /** Where sessions are kept; undefined: there are none. */
  readonly sessions?: 'table' | 'store';
  /** Options of `affinity`, beside the store. */
  readonly affinity: { readonly ttlMs: number } & Readonly<Record<string, number>>;
  readonly limits?: { readonly maxInflightPerEndpoint?: number; readonly maxPending?: number };
  readonly ratePerKey: { readonly perSecond: number; readonly burst: number; readonly capacity?: number };
  readonly maxEjectionRatio?: number | Readonly<Record<string, number>>;
  readonly baseEjectionMs: number;
}

/** Sessions with their stores and limits, lines, rates by key and ejections, at random. */
export function plan(random: Random): Plan {
  const pick = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;
  const pickAny = (...values: readonly unknown[]): unknown => pick(...values);
  const perEndpoint = pick(undefined, 1, 2);
  const sessions = pick(undefined, 'table', 'table', 'store', 'store');
  const options = {
    policy: pick('round_robin', 'least_request', 'random'),
    sessions,
    affinity: {
      ttlMs: 60_000,
      // What a store has is not kept here, and while the store is away it is not known.
      capacity: sessions === 'store' ? 1_000 : pick(8, 8, 1_000),
      cacheMs: pick(200, 1_000),
      loadTimeoutMs: pick(50, 250),
      maxPending: pick(2, 10_000),
    },
    limits: perEndpoint && { maxInflightPerEndpoint: perEndpoint, maxPending: pick(0, 400, 400, 400) },
    ratePerKey: { perSecond: pick(2, 20), burst: pick(3, 10), capacity: pick(4, 4, undefined) },
    maxEjectionRatio: pickAny(undefined, undefined, undefined, 0.6, { answers: 0.2, unreachable: 0.8 }),
    baseEjectionMs: pick(500, 2_000),
  };
  return {
    options: JSON.parse(JSON.stringify(options)),
    clients: 1 + random.below(CLIENTS),
    workers: pick(4, 10),
    keys: pick(4, 12),
    faults: swarm(faultsOf(sessions === 'store'), random, /^(leave|store|kill|net-cut)/),
  };
}

function faultsOf(store: boolean): FaultKind[] {
  const leave = { kind: 'leave', targets: SERVERS, lastsMs: [50, 4_000] as const, weight: 3, group: 'listed' };
  const stores = ['store-cut', 'store-hold', 'store-half-open', 'store-swallow', 'store-delay'].map((kind) => {
    return { kind, targets: 1, lastsMs: [200, 4_000] as const, group: 'store' };
  });
  const net = netFaults(SERVERS).filter(({ kind }) => !kind.startsWith('net-corrupt'));
  return [...processFaults(SERVERS), ...net, ...clientFaults(CLIENTS), leave, ...(store ? stores : [])];
}
