import { type EndpointInput, type Lease, Outcome } from 'fairlead';
import { routeCalls } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../support/mesh.js';

const instance = (id: string, port: number, version: string, lane?: string): EndpointInput => ({
  id,
  host: '127.0.0.1',
  port,
  meta: lane === undefined ? { version } : { version, lane },
});
const OLD = [instance('old-a', 1, '1'), instance('old-b', 2, '1')];
const NEW = instance('new-a', 3, '2');

function world(share: number, endpoints: readonly EndpointInput[], more = {}) {
  const service = testMesh({ users: endpoints }, more).mesh.service('users');
  const routing = routeCalls(service, { split: { name: 'users', arms: { v2: { share, version: '2' } } } });
  return { service, routing };
}

const idOf = (lease: Lease): string => {
  lease.done(Outcome.Success);
  return lease.endpoint.spec.id;
};

describe('an attempt after a failed one', () => {
  const refused = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  const retried = { defaults: { health: [], resilience: { retry: { maxAttempts: 2 } } } };

  it('stays in the arm of the first, with and without a key', async () => {
    const { service } = world(50, [...OLD, NEW, instance('new-b', 4, '2')], retried);
    for (let i = 0; i < 200; i++) {
      const seen: string[] = [];
      await service
        .call(
          (endpoint) => {
            seen.push(endpoint.spec.id);
            if (seen.length === 1) throw refused;
            return 1;
          },
          i % 2 === 0 ? {} : { key: `k${i}` },
        )
        .catch(() => {});
      expect(new Set(seen.map((id) => id.slice(0, 3))).size).toBe(1);
    }
  });

  it('goes to the baseline where the arm has no other endpoint, and speaks against the arm', async () => {
    const { service, routing } = world(100, [...OLD, NEW], retried);
    const at: string[] = [];
    const answer = await service.call((endpoint) => {
      at.push(endpoint.spec.id);
      if (endpoint.spec.id === 'new-a') throw refused;
      return endpoint.spec.id;
    });
    expect(at).toEqual(['new-a', answer]);
    expect(answer).toMatch(/^old/);
    expect(routing.status.arms.v2).toMatchObject({ calls: 1, errors: 1, spilled: 1 });
    expect(routing.status.arms.baseline).toMatchObject({ calls: 0 });
  });

  it('is said to go there by explain, which counts nothing', () => {
    const { service, routing } = world(100, [...OLD, NEW]);
    const only = service.acquire();
    const tried = [only.endpoint];
    only.done(Outcome.ConnectFailure);
    expect(service.explain({ tried }).chosen).toMatch(/^old/);
    expect(routing.status.arms.v2).toMatchObject({ spilled: 0 });
    // A hedge would hide an arm that is slow.
    expect(idOf(service.acquire({ tried, beside: true }))).toBe('new-a');
    expect(idOf(service.acquire({ tried }))).toMatch(/^old/);
  });

  it('stays in a lane that must not fall back', () => {
    const { mesh } = testMesh({ users: [...OLD, instance('branch', 3, '2', 'x')] });
    const service = mesh.service('users');
    const routing = routeCalls(service, { lanes: { fallback: false } });
    const labels = (name: string): string | undefined => (name === 'x-fairlead-lane' ? 'x' : undefined);
    const only = service.acquire({ labels });
    only.done(Outcome.ConnectFailure);
    expect(idOf(service.acquire({ labels, tried: [only.endpoint] }))).toBe('branch');
    expect(routing.status.lanes.x).toMatchObject({ spilled: 0 });
  });
});
