import { type Lease, Outcome } from 'fairlead';
import { seededRandom } from 'fairlead/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CountBuckets } from '../../src/balancing/least-loaded/count-buckets.js';
import { endpoints, testMesh } from '../support/mesh.js';

describe('least_connections', () => {
  it.each(['least_connections', 'weighted_least_connections'] as const)(
    '%s gives the true minimum, whoever else begins and ends calls on the same endpoints',
    (policy) => {
      // The subset's picker and the service's own see each other's calls through the endpoints
      // only.
      const weights = [1, 2, 3, 1, 2, 3, 5];
      const { mesh } = testMesh({
        users: weights.map((weight, i) => ({ id: `e${i}`, host: '127.0.0.1', port: 5_000 + i, weight })),
      });
      const service = mesh.service('users', { policy });
      const subset = service.subset({ usable: (endpoint) => endpoint.spec.id !== 'e3', policy: 'random' });
      const random = seededRandom(7);
      const open: Lease[] = [];
      for (let i = 0; i < 5_000; i++) {
        const dice = random.below(10);
        if (dice < 3) open.push(subset.acquire());
        else if (dice < 6 && open.length > 0) open.splice(random.below(open.length), 1)[0]!.done(Outcome.Success);
        else {
          const loads = service.endpoints.map(
            ({ inflight, weight }) => inflight / (policy === 'least_connections' ? 1 : weight),
          );
          const lease = service.acquire();
          const at = service.endpoints.indexOf(lease.endpoint);
          expect(loads[at]).toBe(Math.min(...loads));
          open.push(lease);
        }
      }
    },
  );

  it('shares calls out evenly among equals that are all idle', () => {
    const { mesh } = testMesh({ users: endpoints(10) });
    const service = mesh.service('users', { policy: 'least_connections' });
    for (let i = 0; i < 10_000; i++) service.acquire().done(Outcome.Success);
    // Chi-square with 9 degrees of freedom: 27.9 is exceeded in one of 1,000 cases.
    const chiSquare = service.endpoints.reduce((sum, { calls }) => sum + (calls - 1_000) ** 2 / 1_000, 0);
    expect(chiSquare).toBeLessThan(27.9);
  });

  it('keeps all within one call of each other while calls only begin', () => {
    const { mesh } = testMesh({ users: endpoints(7) });
    const service = mesh.service('users', { policy: 'least_connections' });
    for (let i = 1; i <= 700; i++) {
      service.acquire();
      const counts = service.endpoints.map(({ inflight }) => inflight);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });

  it('shares idle endpoints by weight when it minds weights', () => {
    const users = [1, 2, 3, 4].map((weight, i) => ({ id: `e${i}`, host: '127.0.0.1', port: 5_000 + i, weight }));
    const service = testMesh({ users }).mesh.service('users', { policy: 'weighted_least_connections' });
    for (let i = 0; i < 10_000; i++) service.acquire().done(Outcome.Success);
    // The classes take exact turns: no draw decides between weights.
    expect(service.endpoints.map(({ calls }) => Math.round(calls / 100))).toEqual([10, 20, 30, 40]);
  });

  it('fills up by weight: calls in flight per weight are equal at saturation', () => {
    const users = [1, 2, 4, 8].map((weight, i) => ({ id: `e${i}`, host: '127.0.0.1', port: 5_000 + i, weight }));
    const service = testMesh({ users }).mesh.service('users', { policy: 'weighted_least_connections' });
    for (let i = 0; i < 150; i++) service.acquire();
    expect(service.endpoints.map(({ inflight }) => inflight)).toEqual([10, 20, 40, 80]);
  });
});

describe('count buckets', () => {
  it('know the least count and who has it after any changes', () => {
    const change = fc.tuple(fc.nat(9), fc.oneof(fc.nat(5), fc.nat(300), fc.constant(70_000)));
    fc.assert(
      fc.property(fc.array(fc.nat(8), { minLength: 1, maxLength: 10 }), fc.array(change), (initial, changes) => {
        const counts = [...initial];
        const buckets = new CountBuckets(counts);
        for (const [who, to] of [[0, counts[0]!] as const, ...changes]) {
          const member = who % counts.length;
          buckets.set(member, to);
          // Above 65,535 counts are taken for equal.
          counts[member] = Math.min(to, 65_535);
          const least = Math.min(...counts);
          expect(buckets.least).toBe(least);
          const tied = Array.from({ length: buckets.ties }, (_, i) => buckets.tied(i)).sort((a, b) => a - b);
          expect(tied).toEqual([...counts.keys()].filter((i) => counts[i] === least));
        }
      }),
      { numRuns: 60 },
    );
  });
});
