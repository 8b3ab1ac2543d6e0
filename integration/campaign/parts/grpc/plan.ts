import type { Random } from 'fairlead/testing';
import { netFaults } from '../../net-faults.js';
import type { FaultKind, Plan } from '../../part.js';
import { processFaults } from '../../process-faults.js';
import { CONFIG_FAULTS } from '../../registry/documents.js';
import { type Registry, registryFaults } from '../../registry.js';
import { clientFaults, swarm } from '../../schedule.js';
import { LISTED } from './world.js';

const CLIENTS = 2;

/** By grpc-js or by Connect; `config`: its service goes by documents of a configuration store. */
export const planOf =
  (client: 'grpc' | 'connect') =>
  (random: Random): Plan => {
    const pick = <T>(...values: readonly T[]): T => values[random.below(values.length)]!;
    const registry = pick<Registry['kind']>('consul', 'etcd');
    const config = pick(false, true);
    const options = {
      client,
      registry,
      config,
      policy: pick('least_request', 'peak_ewma', 'round_robin', 'consistent_hash', 'random'),
      affinity: pick(false, true),
      limits: pick(undefined, undefined, { maxInflightPerEndpoint: 20, maxPending: 500 }),
      aperture: pick(undefined, undefined, 2),
    };
    const clean = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const sized = { clients: 1 + random.below(CLIENTS), workers: pick(6, 12, 24), keys: pick(4, 16) };
    // Every fourth round knows only what is announced, to which no call may be lost; every fifth only
    // who is listed, while the registrar is kept from saying so.
    const all = [...faultsOf(registry), ...(config ? CONFIG_FAULTS : [])];
    const only = (kinds: RegExp): FaultKind[] => all.filter(({ kind }) => kinds.test(kind));
    const draw = random.below(20);
    const faults = draw < 5 ? only(ANNOUNCED) : draw < 9 ? only(LISTING) : swarm(all, random, /^config/);
    return { ...sized, options: clean, faults };
  };

/** Changes that are announced, by GOAWAY or by the registry, and networks that are only slow. */
export const ANNOUNCED: RegExp = /^(stop|leave|join|consul-|etcd-|registrar-|reweigh|config|net-delay)/;

const LISTING = /^(join|leave|registrar-|critical)/;

function faultsOf(registry: Registry['kind']): FaultKind[] {
  const answers = (kind: string, lastsMs: readonly [number, number], weight = 0.7): FaultKind => {
    return { kind: `answers-${kind}`, targets: LISTED, lastsMs, weight, group: 'answers' };
  };
  return [
    ...processFaults(LISTED),
    ...netFaults(LISTED),
    ...registryFaults(LISTED, registry),
    ...clientFaults(CLIENTS),
    answers('unavailable', [100, 2_000]),
    answers('not-found', [100, 2_000]),
    answers('slow', [100, 3_000]),
    answers('hang', [100, 3_000]),
    { kind: 'reweigh', targets: LISTED, lastsMs: [50, 3_000], group: 'weight', weight: 0.7 },
    { kind: 'join', targets: 1, lastsMs: [10, 4_000], group: 'topology' },
    { kind: 'leave', targets: LISTED, lastsMs: [10, 3_000], group: 'listed' },
  ];
}
