import { adaptiveWeight } from './adaptive-weight.js';
import { consistentHash } from './consistent-hash.js';
import { ipHash } from './ip-hash.js';
import { leastConnections } from './least-connections.js';
import { leastRequest } from './least-request.js';
import { maglev } from './maglev.js';
import { peakEwma } from './peak-ewma.js';
import { prequal } from './prequal.js';
import { randomPolicy } from './random.js';
import type { PolicyFactory } from './registry.js';
import { rendezvous } from './rendezvous.js';
import { roundRobin } from './round-robin.js';
import { weightedLeastConnections } from './weighted-least-connections.js';
import { weightedRoundRobin } from './weighted-round-robin.js';

/** Every policy that can be named in configuration. A new one is a file and a line here. */
export const builtinPolicies: readonly PolicyFactory<never>[] = [
  roundRobin,
  weightedRoundRobin,
  randomPolicy,
  leastConnections,
  weightedLeastConnections,
  leastRequest,
  peakEwma,
  adaptiveWeight,
  consistentHash,
  maglev,
  rendezvous,
  ipHash,
  prequal,
];
