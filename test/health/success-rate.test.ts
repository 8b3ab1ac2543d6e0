import { successRate } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { spread } from '../../src/health/interval-window.js';
import { drive, ejections, failing, ids } from '../support/drive.js';
import { endpoints, testMesh } from '../support/mesh.js';

describe('success_rate', () => {
  it("computes mean and deviation as Envoy's own unit test has it", () => {
    // OutlierUtility.SRThreshold: 50, 100, 100, 100, 100 give a mean of 90 and a threshold of 52
    // with 1.9.
    const { mean, stdev } = spread([50, 100, 100, 100, 100]);
    expect(mean).toBe(90);
    expect(mean - 1.9 * stdev).toBe(52);
  });

  it('ejects at the end of the interval who is below mean - 1.9 × deviation, and says by which numbers', () => {
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: 'round_robin', health: [successRate()] });
    const seen = ejections(service);
    drive(service, 500, failing({ e3: 0.5 }));
    expect(seen).toEqual([]);
    clock.advance(10_000);
    expect(ids(seen)).toEqual(['e3']);
    expect(seen[0]!.signal).toBe('success_rate');
    expect(seen[0]!.enforced).toBe(true);
    const { evidence } = seen[0]!;
    expect(evidence).toMatchObject({ successRatio: 0.5, calls: 100, hosts: 5 });
    expect(evidence.mean).toBeCloseTo(0.9, 12);
    expect(evidence.threshold).toBeCloseTo(0.52, 12);
  });

  it('keeps one that fails little more than the others', () => {
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: 'round_robin', health: [successRate()] });
    const seen = ejections(service);
    drive(service, 500, failing({ e0: 0.1, e1: 0.2, e2: 0.1, e3: 0.25, e4: 0.1 }));
    clock.advance(10_000);
    expect(seen).toEqual([]);
  });

  it('judges nobody on fewer calls than requestVolume', () => {
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: 'round_robin', health: [successRate()] });
    const seen = ejections(service);
    drive(service, 495, failing({ e3: 1 }));
    clock.advance(10_000);
    expect(seen).toEqual([]);
  });

  it('forgets an interval when the next begins, and stops its timer when traffic stops', () => {
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: 'round_robin', health: [successRate()] });
    const seen = ejections(service);
    drive(service, 300, failing({ e3: 1 }));
    clock.advance(10_000);
    drive(service, 300, failing({ e3: 1 }));
    clock.advance(10_000);
    expect(seen).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it.each([2, 3, 4])('tells the outlier among %d endpoints, where the published formula cannot', (count) => {
    const { mesh, clock } = testMesh({ users: endpoints(count) });
    const service = mesh.service('users', { policy: 'round_robin', health: [successRate()] });
    const seen = ejections(service);
    drive(service, 100 * count, failing({ e1: 0.5 }));
    clock.advance(10_000);
    expect(ids(seen)).toEqual(['e1']);
  });

  it('ejects none of two when both fail', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'round_robin', health: [successRate()] });
    const seen = ejections(service);
    drive(service, 200, failing({ e0: 0.6, e1: 0.7 }));
    clock.advance(10_000);
    expect(seen).toEqual([]);
  });

  it("leaves few endpoints alone with compareFew: false, as Envoy's minimum of five does", () => {
    const { mesh, clock } = testMesh({ users: endpoints(4) });
    const service = mesh.service('users', { policy: 'round_robin', health: [successRate({ compareFew: false })] });
    const seen = ejections(service);
    drive(service, 400, failing({ e1: 1 }));
    clock.advance(10_000);
    expect(seen).toEqual([]);
  });

  it('carries out only the share of verdicts that enforcementRatio says, and tells of all', () => {
    let carriedOut = 0;
    let told = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const { mesh, clock } = testMesh({ users: endpoints(5) }, { seed: seed * 7_919 });
      const service = mesh.service('users', {
        policy: 'round_robin',
        health: [successRate({ enforcementRatio: 0.3 })],
      });
      const seen = ejections(service);
      drive(service, 500, failing({ e3: 0.9 }));
      clock.advance(10_000);
      told += seen.length;
      carriedOut += seen.filter(({ enforced }) => enforced).length;
      for (const { enforced, refusedBy } of seen) expect(refusedBy).toBe(enforced ? undefined : 'enforcement');
    }
    expect(told).toBe(200);
    // Binomial with mean 60 and standard deviation 6.5.
    expect(Math.abs(carriedOut - 60)).toBeLessThan(30);
  });
});
