import { type Lease, Outcome, type PolicyName, type ProbeSource, peakEwma, type Service } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../support/mesh.js';

const CALLS = 40_000;
const alike: ProbeSource = { probe: (_endpoint, reply) => reply(1, 10) };

function serviceOf(policy: PolicyName, weights: readonly number[]) {
  const users = weights.map((weight, i) => ({ id: `e${i}`, host: '127.0.0.1', port: 5_000 + i, weight }));
  const { mesh, clock } = testMesh({ users });
  return { service: mesh.service('users', { policy, probes: alike, health: [] }), clock };
}

/** The shares of endpoints that all answer alike, with so many calls in progress all the time. */
function shares(policy: PolicyName, weights: readonly number[], atOnce: number): readonly number[] {
  const { service, clock } = serviceOf(policy, weights);
  const open: Lease[] = [];
  for (let i = 0; i < CALLS; i++) {
    open.push(service.acquire({ key: `user:${i}` }));
    clock.advance(1);
    if (open.length >= atOnce) open.shift()!.done(Outcome.Success);
  }
  return callsOf(service).map((calls) => calls / CALLS);
}

const callsOf = (service: Service): readonly number[] => service.endpoints.map((endpoint) => endpoint.calls);

const policies = [
  'weighted_round_robin',
  'random',
  'least_request',
  'peak_ewma',
  'adaptive_weight',
  'maglev',
  'rendezvous',
  'prequal',
] as const;

describe.each(policies)('%s and very unequal weights', (policy) => {
  it.each([
    ['1 to 1,000', [1, 1_000]],
    ['0.001 to 0.999', [0.001, 0.999]],
    ['1 to 1,000 twice', [1, 1_000, 1_000]],
  ])('gives the light one its share, %s', (_, weights) => {
    const ideal = (weights[0]! / weights.reduce((sum, weight) => sum + weight)) * CALLS;
    for (const atOnce of [1, 20]) {
      const light = shares(policy, weights, atOnce)[0]! * CALLS;
      // Three standard deviations of a draw.
      expect(Math.abs(light - ideal)).toBeLessThan(3 * Math.sqrt(ideal));
    }
  });
});

describe('least_request and peak_ewma', () => {
  it.each(['least_request', 'peak_ewma'] as const)('fill up by weight: %s', (policy) => {
    const { service } = serviceOf(policy, [1, 2, 3, 6]);
    for (let i = 0; i < 1_200; i++) service.acquire();
    for (const endpoint of service.endpoints) {
      expect(Math.abs(endpoint.inflight / endpoint.weight / 100 - 1)).toBeLessThan(0.1);
    }
  });

  it('peak_ewma leaves the heavy one of two when that stops answering, whatever the weights', () => {
    for (const heavy of [2, 10, 100]) {
      const users = [1, heavy].map((weight, i) => ({ id: `e${i}`, host: '127.0.0.1', port: 5_000 + i, weight }));
      const { mesh, clock } = testMesh({ users });
      const service = mesh.service('users', { policy: peakEwma(), health: [] });
      let before = [0, 0];
      for (let i = 0; i < 4_000; i++) {
        const lease = service.acquire();
        clock.advance(1);
        const hangs = i >= 2_000 && lease.endpoint.spec.id === 'e1';
        clock.after(hangs ? 3_600_000 : 10, () => lease.done(Outcome.Success));
        if (i === 2_999) before = [...callsOf(service)];
      }
      expect(callsOf(service)[1]! - before[1]!).toBeLessThan(20);
    }
  });
});
