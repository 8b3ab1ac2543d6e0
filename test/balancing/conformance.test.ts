import {
  adaptiveWeight,
  consistentHash,
  createMesh,
  ipHash,
  leastConnections,
  leastRequest,
  maglev,
  type Policy,
  peakEwma,
  prequal,
  random,
  rendezvous,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'fairlead';
import { expect, it } from 'vitest';
import { conformance, type Traits } from './conformance.js';

/** Rings are as uneven as their points are few; the bound here is what 160 points give five endpoints. */
const RING: Traits = { weightsWithin: 0.35, evenWithin: 0.3 };
const TABLE: Traits = { weightsWithin: 0.1, evenWithin: 0.1 };

const suites: readonly (readonly [string, () => Policy, Traits])[] = [
  ['round_robin', roundRobin, { evenWithin: 0.01 }],
  ['weighted_round_robin', weightedRoundRobin, { weightsWithin: 0.01, evenWithin: 0.05 }],
  ['random', random, { weightsWithin: 0.1 }],
  ['least_connections', leastConnections, {}],
  ['weighted_least_connections', weightedLeastConnections, { weightsWithin: 0.1 }],
  ['least_request', leastRequest, { weightsWithin: 0.4 }],
  // An estimate decays while an endpoint is idle, so that light ones have more than their share at low load.
  ['peak_ewma', peakEwma, { weightsWithin: 1 }],
  ['adaptive_weight', adaptiveWeight, { weightsWithin: 0.1 }],
  ['adaptive_weight with thresholds', () => adaptiveWeight({ thresholds: true }), {}],
  ['consistent_hash', consistentHash, RING],
  ['consistent_hash with murmur3', () => consistentHash({ hash: 'murmur3' }), RING],
  ['consistent_hash with bounded loads', () => consistentHash({ maxLoadRatio: 1.25 }), RING],
  ['maglev', maglev, TABLE],
  ['maglev with bounded loads', () => maglev({ tableSize: 65_537, maxLoadRatio: 2 }), TABLE],
  ['rendezvous', rendezvous, TABLE],
  ['ip_hash', ipHash, RING],
  [
    'prequal',
    prequal,
    { evenWithin: 0.2, context: () => ({ probes: { probe: (endpoint, reply) => reply(endpoint.inflight, 10) } }) },
  ],
];

for (const [name, make, traits] of suites) conformance(name, make, traits);

it('covers every policy that can be named', () => {
  const named = new Set(suites.map(([name]) => name));
  expect(createMesh().policies.names.filter((name) => !named.has(name))).toEqual([]);
});
