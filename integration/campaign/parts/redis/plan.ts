import type { Random } from 'fairlead/testing';
import { netFaults } from '../../net-faults.js';
import type { Echo, FaultKind, Plan } from '../../part.js';
import { processFaults } from '../../process-faults.js';
import { REGISTRAR_FAULTS, registryFaults } from '../../registry.js';
import { clientFaults, swarm } from '../../schedule.js';
import { LISTED, SERVERS } from './world.js';

/**
 * - `store`: fixed servers with persistence, `onFailure: 'fail'`; every fault but a change of the
 *   topology.
 * - `moving`: the same with a hand-over window, and a server that joins and leaves. Nobody is kept
 *   from hearing of a change for longer than `settleMs`, as docs/redis.md asks for; but with `late`
 *   the first client is, of a server that joins for good: what it writes meanwhile may be lost, and
 *   what others write may not.
 * - `cache`: `onFailure: 'next'`, no persistence, eviction; every fault.
 */
export type Mode = 'store' | 'moving' | 'cache';

const CLIENTS = 3;

/** A window that no round sees the end of. */
const FOR_GOOD_MS = 600_000;

export function plan(random: Random): Plan {
  const pick = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;
  const mode = pick<Mode>('store', 'moving', 'moving', 'moving', 'cache');
  const settleMs = pick(1_500, 2_500);
  const late = mode === 'moving' && random.below(5) === 0;
  const windowMs = late ? FOR_GOOD_MS : pick(1, 1, 1, 3_000, FOR_GOOD_MS);
  const background = windowMs < FOR_GOOD_MS || (!late && random.below(2) === 0);
  const options = {
    mode,
    placement: pick('ketama', 'rendezvous', 'maglev'),
    keyPrefix: pick(undefined, 'app:'),
    probeIntervalMs: pick(undefined, 50, 500),
    downAfterMs: pick(undefined, 300, 1_500),
    commandTimeout: pick(undefined, 800, 1_500),
    enableOfflineQueue: pick(undefined, false),
    lazyConnect: pick(undefined, true),
    connectionName: pick(undefined, 'campaign'),
    ...(late && { late }),
    // What is not swept, and not asked for within its window, is out of sight.
    ...(mode === 'moving' && { handover: { windowMs, settleMs, maxMoves: pick(1, 4, 64), background } }),
    ...(mode === 'cache' && { quarantine: pick('generation', 'flush', 'generation') }),
  };
  const keys = mode === 'moving' ? pick(8, 24, 100) : pick(4, 8, 24);
  const sized = {
    clients: late ? CLIENTS : 1 + random.below(CLIENTS),
    workers: pick(4, 8, 16),
    keys: late ? 80 : keys,
  };
  const clean = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  if (mode === 'cache' && options.quarantine === 'flush') delete clean.keyPrefix;
  // Elsewhere docs/redis.md says that servers which join and leave again give old values back.
  const joins = mode === 'moving' || (mode === 'cache' && options.quarantine === 'generation');
  const all = faultsOf(mode, settleMs, joins);
  if (mode !== 'moving') return { ...sized, options: clean, faults: swarm(all, random, /^join/) };
  if (late) return { ...sized, options: clean, faults: lateFaults(settleMs) };
  // Often each change is seen to its end before the next one begins.
  const endsMs = windowMs < FOR_GOOD_MS && random.below(3) > 0 ? settleMs + windowMs : undefined;
  const faults = endsMs === undefined ? all : [...all.filter(({ kind }) => !/^join/.test(kind)), seenToItsEnd(endsMs)];
  return { ...sized, options: clean, faults: swarm(faults, random, FOLLOWED), echoes: echoesOf(settleMs) };
}

/** What is there in any round in which keys move. */
const FOLLOWED = /^(join|client-kill|net-delay|swallow-amid)/;

/**
 * Keys move, all at once, when `settleMs` are over: what dies, is cut off or hangs then is in the
 * middle of it.
 */
function echoesOf(settleMs: number): Echo[] {
  const dies = /^(client-kill|disconnect$|net-(reset|cut|delay)|kill|full)/;
  return [
    // It waits for the moment by itself.
    { of: /^join/, by: /^swallow-amid/, afterMs: [settleMs - 700, settleMs - 200], chance: 0.7 },
    { of: /^join/, by: dies, afterMs: [settleMs, settleMs + 700], chance: 0.6 },
  ];
}

/** How long the sweeps of a window take once its time is over; ms. */
const SWEPT_MS = 700;

/** One server joins and leaves again and again, and holds keys each time. */
function seenToItsEnd(endsMs: number): FaultKind {
  const from = endsMs + SWEPT_MS;
  return {
    kind: 'join',
    targets: 1,
    lastsMs: [from, from + 2_500],
    restsMs: [from, from + 1_500],
    weight: 14,
    group: 'topology',
  };
}

function faultsOf(mode: Mode, settleMs: number, joins: boolean): FaultKind[] {
  const servers = [...processFaults(LISTED), ...netFaults(LISTED), ...commandFaults(mode)];
  if (mode !== 'moving') {
    const changes = joins ? topologyFaults() : [];
    // A client that starts while a registry gets its instances back one by one can only believe it:
    // where the registry forgets, no client of a store starts.
    const clients = clientFaults(CLIENTS).filter(({ kind }) => mode !== 'store' || kind !== 'client-kill');
    return [...servers, ...registryFaults(LISTED), ...clients, ...changes];
  }
  // Whoever is late must not be later than `settleMs`, with what watch and machine take on top.
  const most = settleMs - 1_000;
  const late = [...servers, ...clientFaults(CLIENTS)].map((fault) => {
    const [min, max] = fault.lastsMs;
    // What was swallowed is never executed, and what has no answer was at once.
    if (/^net-(swallow|half-open)$/.test(fault.kind)) return { ...fault, lastsMs: [min, 5_000] as const };
    return { ...fault, lastsMs: [Math.min(min, most), Math.min(max, most)] as const };
  });
  return [...late, AMID, ...REGISTRAR_FAULTS, ...topologyFaults()];
}

/** From when keys come to the last server, or go from there: all bytes of one are forgotten. */
const AMID: FaultKind = {
  kind: 'swallow-amid',
  targets: SERVERS,
  lastsMs: [300, 3_500],
  group: 'net',
  weight: 0.3,
};

/** Later than `settleMs`, and than all others. */
function lateFaults(settleMs: number): FaultKind[] {
  return [
    { kind: 'late', targets: 1, lastsMs: [settleMs + 4_000, settleMs + 8_000], group: 'late', weight: 2 },
    { kind: 'join-for-good', targets: 1, lastsMs: [1, 5], group: 'topology', weight: 2 },
    { kind: 'scripts-forgotten', targets: LISTED, lastsMs: [1, 5], weight: 0.5 },
    { kind: 'disconnect-subscribers', targets: LISTED, lastsMs: [1, 5], weight: 0.5 },
  ];
}

function topologyFaults(): FaultKind[] {
  const change = (kind: string, lastsMs: readonly [number, number], weight: number): FaultKind => {
    return { kind, targets: 1, lastsMs, weight, group: 'topology' };
  };
  return [change('join', [10, 5_000], 6), change('join', [1, 60], 2), change('join-for-good', [1, 5], 1.5)];
}

function commandFaults(mode: Mode): FaultKind[] {
  const at = (kind: string, lastsMs: readonly [number, number], weight: number, group?: string): FaultKind => {
    return { kind, targets: LISTED, lastsMs, weight, ...(group !== undefined && { group }) };
  };
  return [
    at('slow', [1, 50], 0.7),
    at('demote', [100, 2_500], mode === 'cache' ? 0 : 1, 'role'),
    at('full', [100, 2_500], mode === 'cache' ? 0 : 0.7, 'full'),
    at('disconnect', [1, 5], 1),
    at('disconnect-subscribers', [1, 5], 0.5),
    at('writes-paused', [1, 5], 0.5),
    at('scripts-forgotten', [1, 5], 0.5),
    at('locked-out', [50, 1_500], 0.5, 'password'),
  ];
}
