import { failurePercentage } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { drive, ejections, failing, ids } from '../support/drive.js';
import { endpoints, testMesh } from '../support/mesh.js';

describe('failure_percentage', () => {
  it.each([
    [0.84, []],
    [0.85, ['e2']],
    [1, ['e2']],
  ])('with failures of %d ejects %j', (ratio, expected) => {
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const service = mesh.service('users', { policy: 'round_robin', health: [failurePercentage()] });
    const seen = ejections(service);
    drive(service, 500, failing({ e2: ratio }));
    clock.advance(10_000);
    expect(ids(seen)).toEqual(expected);
  });

  it('takes the worst when not all may go', () => {
    const { mesh, clock } = testMesh({ users: endpoints(5) });
    const health = [failurePercentage({ threshold: 0.5 })];
    const service = mesh.service('users', { policy: 'round_robin', health, maxEjectionRatio: 0.2 });
    const seen = ejections(service);
    drive(service, 500, failing({ e1: 0.6, e2: 0.9, e3: 0.7 }));
    clock.advance(10_000);
    expect(seen.filter(({ enforced }) => enforced).map(({ endpoint }) => endpoint.spec.id)).toEqual(['e2']);
    expect(seen.filter(({ refusedBy }) => refusedBy === 'cap').map(({ endpoint }) => endpoint.spec.id)).toEqual([
      'e3',
      'e1',
    ]);
  });

  it('with fewer than five ejects only where another is well', () => {
    const run = (ratios: Record<string, number>): string[] => {
      const { mesh, clock } = testMesh({ users: endpoints(2) });
      const service = mesh.service('users', { policy: 'round_robin', health: [failurePercentage()] });
      const seen = ejections(service);
      drive(service, 200, failing(ratios));
      clock.advance(10_000);
      return ids(seen);
    };
    expect(run({ e0: 0.9 })).toEqual(['e0']);
    expect(run({ e0: 0.9, e1: 0.9 })).toEqual([]);
  });
});
