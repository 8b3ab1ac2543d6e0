import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zoneShares } from '../../../src/endpoint/rotation/zone.js';

const zones = (capacities: readonly number[], clients: readonly number[]) =>
  capacities.map((capacity, i) => ({ zone: `z${i}`, capacity, clients: clients[i]! }));

describe('zone-aware routing', () => {
  it('keeps every call where the zone has as much of the capacity as of the clients', () => {
    expect(zoneShares(zones([3, 3, 3], [1, 1, 1]), 'z0')).toEqual([1, 0, 0]);
    expect(zoneShares(zones([5, 3, 1], [1, 1, 1]), 'z0')).toEqual([1, 0, 0]);
  });

  it("sends what the zone cannot carry to the zones with a surplus, as Envoy's residual capacity", () => {
    // A third of the clients but a fifth of the capacity: 60 % stay; only z1 (40 % - 33 %) and z2
    // take the rest evenly.
    const shares = zoneShares(zones([1, 2, 2], [1, 1, 1]), 'z0');
    expect(shares[0]).toBeCloseTo(0.6, 12);
    expect(shares[1]).toBeCloseTo(0.2, 12);
    expect(shares[2]).toBeCloseTo(0.2, 12);
    // z1 has no surplus (1/3 of both), so z2 takes all.
    const uneven = zoneShares(zones([1, 2, 3], [1, 1, 1]), 'z0');
    expect(uneven[0]).toBeCloseTo(0.5, 12);
    expect(uneven[1]).toBeCloseTo(0, 12);
    expect(uneven[2]).toBeCloseTo(0.5, 12);
  });

  it('empties a zone without healthy endpoints', () => {
    expect(zoneShares(zones([0, 2, 2], [1, 1, 1]), 'z0')).toEqual([0, 0.5, 0.5]);
  });

  it('gives every endpoint the same load when all clients follow it, whatever the zones look like', () => {
    const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 })), {
      minLength: 2,
      maxLength: 6,
    });
    fc.assert(
      fc.property(sizes, (pairs) => {
        const list = zones(
          pairs.map(([capacity]) => capacity),
          pairs.map(([, clients]) => clients),
        );
        const load = list.map(() => 0);
        for (const { zone, clients } of list) {
          for (const [i, share] of zoneShares(list, zone).entries()) load[i]! += clients * share;
        }
        const total = list.reduce((sum, { clients }) => sum + clients, 0);
        const capacity = list.reduce((sum, each) => sum + each.capacity, 0);
        for (const [i, each] of list.entries()) expect(load[i]! / each.capacity).toBeCloseTo(total / capacity, 9);
      }),
    );
  });
});
