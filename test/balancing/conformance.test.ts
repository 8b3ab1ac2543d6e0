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
  randomPolicy,
  rendezvous,
  roundRobin,
  weightedLeastConnections,
  weightedRoundRobin,
} from 'fairlead';
import { type PolicyTraits, policyChecks } from 'fairlead/testing';
import { describe, expect, it } from 'vitest';

/**
 * Rings are as uneven as their points are few; the bound here is what 160 points give five
 * endpoints.
 */
const RING: PolicyTraits = { weightsWithin: 0.35, evenWithin: 0.3 };
const TABLE: PolicyTraits = { weightsWithin: 0.1, evenWithin: 0.1 };

const suites: readonly (readonly [string, () => Policy, PolicyTraits])[] = [
  ['round_robin', roundRobin, { evenWithin: 0.01, weightsWithin: false }],
  ['weighted_round_robin', weightedRoundRobin, { weightsWithin: 0.01, evenWithin: 0.05 }],
  ['random', randomPolicy, { weightsWithin: 0.1 }],
  ['least_connections', leastConnections, { weightsWithin: false }],
  ['weighted_least_connections', weightedLeastConnections, { weightsWithin: 0.1 }],
  ['least_request', leastRequest, { weightsWithin: 0.4 }],
  ['peak_ewma', peakEwma, { weightsWithin: 0.4 }],
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
    {
      weightsWithin: 0.25,
      evenWithin: 0.2,
      context: () => ({ probes: { probe: (endpoint, reply) => reply(endpoint.inflight, 10) } }),
    },
  ],
];

for (const [name, make, traits] of suites) {
  describe(`${name} conforms`, () => {
    for (const check of policyChecks(make, traits)) it(check.name, check.run);
  });
}

it('covers every policy that can be named', () => {
  const named = new Set(suites.map(([name]) => name));
  expect(createMesh().policies.names.filter((name) => !named.has(name))).toEqual([]);
});
