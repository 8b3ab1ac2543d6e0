import type { Endpoint } from 'fairlead';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coverArc } from '../../../src/endpoint/rotation/aperture.js';
import { endpoints, testMesh } from '../../support/mesh.js';

const ids = (list: readonly Endpoint[]): string[] => list.map(({ spec }) => spec.id);

describe('deterministic aperture', () => {
  it('covers parts of endpoints at both ends of its arc', () => {
    const ends = Float64Array.of(0.25, 0.5, 0.75, 1);
    expect(coverArc(ends, 0.125, 0.25)).toEqual([
      [0, 0.5],
      [1, 0.5],
    ]);
    expect(coverArc(ends, 0.875, 0.25)).toEqual([
      [3, 0.5],
      [0, 0.5],
    ]);
    expect(coverArc(ends, 0, 1)).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  it('gives every endpoint a load in proportion to its weight, however many clients there are', () => {
    const weights = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 12 }), (list, total, steps) => {
        const sum = list.reduce((a, b) => a + b, 0);
        let end = 0;
        const ends = Float64Array.from(list, (weight) => {
          end += weight;
          return end / sum;
        });
        const load = new Float64Array(list.length);
        const width = Math.min(total, steps) / total;
        for (let index = 0; index < total; index++) {
          for (const [i, share] of coverArc(ends, index / total, width)) {
            load[i] = load[i]! + (share * list[i]!) / sum / width / total;
          }
        }
        for (const [i, weight] of list.entries()) expect(load[i]).toBeCloseTo(weight / sum, 7);
      }),
    );
  });

  it('spreads 200 clients over 200 endpoints: each uses 12, each is used by 12', () => {
    const used = new Map<string, number>();
    for (let index = 0; index < 200; index++) {
      const { mesh } = testMesh({ users: endpoints(200) });
      const service = mesh.service('users', { aperture: { size: 12, peer: { index, total: 200 } } });
      expect(service.usedEndpoints.length).toBeLessThanOrEqual(13);
      for (const { spec, weight } of service.usedEndpoints) used.set(spec.id, (used.get(spec.id) ?? 0) + weight);
    }
    expect(used.size).toBe(200);
    for (const load of used.values()) expect(load).toBeCloseTo(12, 6);
  });

  it('bounds a herd of 10,000 clients and 10,000 endpoints: 12 connections on either side, loads equal', () => {
    const count = 10_000;
    const ends = Float64Array.from({ length: count }, (_, i) => (i + 1) / count);
    const connections = new Uint32Array(count);
    const load = new Float64Array(count);
    for (let index = 0; index < count; index++) {
      const covered = coverArc(ends, index / count, 12 / count);
      expect(covered.length).toBeLessThanOrEqual(13);
      for (const [i, share] of covered) {
        connections[i]!++;
        load[i]! += share / 12;
      }
    }
    expect(Math.min(...connections)).toBeGreaterThanOrEqual(12);
    expect(Math.max(...connections)).toBeLessThanOrEqual(13);
    for (const each of load) expect(Math.abs(each - 1)).toBeLessThan(1e-6);
  });

  it('asks a peer function again with every rotation and keeps the last good answer', () => {
    const { mesh, resolver } = testMesh({ users: endpoints(40) });
    let peer: () => { index: number; total: number } = () => ({ index: 0, total: 10 });
    const service = mesh.service('users', { aperture: { size: 4, peer: () => peer() } });
    const before = ids(service.usedEndpoints);
    peer = () => {
      throw new Error('no ordinal');
    };
    resolver.update('users', endpoints(40, { tags: ['v2'] }));
    expect(ids(service.usedEndpoints)).toEqual(before);
    peer = () => ({ index: 5, total: 10 });
    resolver.update('users', endpoints(40, { tags: ['v3'] }));
    expect(ids(service.usedEndpoints)).not.toEqual(before);
  });
});

describe('random aperture', () => {
  it('chooses the same endpoints for the same identity, others for another', () => {
    const choose = (identity: string): string[] => {
      const { mesh } = testMesh({ users: endpoints(100) });
      return ids(mesh.service('users', { aperture: { size: 10, identity } }).usedEndpoints);
    };
    expect(choose('client-1')).toEqual(choose('client-1'));
    expect(choose('client-1')).not.toEqual(choose('client-2'));
    expect(choose('client-1')).toHaveLength(10);
  });

  it('replaces only what departed', () => {
    const all = endpoints(100);
    const { mesh, resolver } = testMesh({ users: all });
    const service = mesh.service('users', { aperture: { size: 10, identity: 'client-1' } });
    const before = new Set(ids(service.usedEndpoints));
    const gone = [...before][3]!;
    resolver.update(
      'users',
      all.filter((each) => typeof each !== 'string' && each.id !== gone),
    );
    const after = ids(service.usedEndpoints);
    expect(after).toHaveLength(10);
    expect(after.filter((id) => !before.has(id))).toHaveLength(1);
  });

  it('uses everybody while there are no more than its size', () => {
    const { mesh } = testMesh({ users: endpoints(10) });
    expect(mesh.service('users', { aperture: { size: 12 } }).usedEndpoints).toHaveLength(10);
  });

  it('loads 200 endpoints from 1,000 clients as evenly as chance would', () => {
    const used = new Map<string, number>();
    const all = endpoints(200);
    for (let client = 0; client < 1_000; client++) {
      const { mesh } = testMesh({ users: all });
      const service = mesh.service('users', { aperture: { size: 12, identity: `client-${client}` } });
      for (const { spec } of service.usedEndpoints) used.set(spec.id, (used.get(spec.id) ?? 0) + 1);
    }
    // Binomial with mean 60 and standard deviation 7.5: beyond five of these is no chance.
    for (const count of used.values()) expect(Math.abs(count - 60)).toBeLessThan(38);
  });
});

describe('an aperture', () => {
  it('has something of every priority to fail over to', () => {
    const { mesh } = testMesh({
      users: [
        ...endpoints(50),
        ...endpoints(50, { priority: 1 }).map((each, i) => ({
          ...(each as object),
          id: `b${i}`,
          port: 7_000 + i,
          host: '127.0.0.1',
        })),
      ],
    });
    const service = mesh.service('users', { aperture: { size: 5, identity: 'x' } });
    expect(service.usedEndpoints.filter(({ spec }) => spec.priority === 0)).toHaveLength(5);
    expect(service.usedEndpoints.filter(({ spec }) => spec.priority === 1)).toHaveLength(5);
    expect(service.rotation.every(({ spec }) => spec.priority === 0)).toBe(true);
  });

  it('refuses a peer that cannot be', () => {
    const { mesh } = testMesh({ users: endpoints(3) });
    expect(() => mesh.service('users', { aperture: { peer: { index: 3, total: 3 } } })).toThrow(
      /aperture\.peer is an object: allowed is \{ index, total \}/,
    );
  });
});
