import { adaptiveWeight } from './adaptive-weight.js';
import { consistentHash } from './consistent-hash.js';
import type { PolicyFactory } from './factory.js';
import { ipHash } from './ip-hash.js';
import { leastConnections } from './least-connections.js';
import { leastRequest } from './least-request.js';
import { maglev } from './maglev.js';
import { peakEwma } from './peak-ewma.js';
import { prequal } from './prequal.js';
import { randomPolicy } from './random.js';
import { rendezvous } from './rendezvous.js';
import { roundRobin } from './round-robin.js';
import type { BuiltinPolicyOptions } from './spec.js';
import { weightedLeastConnections } from './weighted-least-connections.js';
import { weightedRoundRobin } from './weighted-round-robin.js';

/**
 * Every policy that can be named. A new one is a file, a line here and one in
 * `BuiltinPolicyOptions`.
 */
const byName: { readonly [Name in keyof BuiltinPolicyOptions]: PolicyFactory<BuiltinPolicyOptions[Name]> } = {
  round_robin: roundRobin,
  weighted_round_robin: weightedRoundRobin,
  random: randomPolicy,
  least_connections: leastConnections,
  weighted_least_connections: weightedLeastConnections,
  least_request: leastRequest,
  peak_ewma: peakEwma,
  adaptive_weight: adaptiveWeight,
  consistent_hash: consistentHash,
  maglev,
  rendezvous,
  ip_hash: ipHash,
  prequal,
};

export const builtinPolicies: readonly PolicyFactory<never>[] = Object.values(byName);
