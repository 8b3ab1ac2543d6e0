import type { EndpointInput, Explanation, ServiceOptions } from 'fairlead';
import { customCheck, Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const at = (id: string, port: number, more: object = {}): EndpointInput => ({ id, host: '10.0.0.1', port, ...more });

function start(list: readonly EndpointInput[], options: ServiceOptions = {}) {
  const test = testMesh({ users: list });
  return { ...test, service: test.mesh.service('users', { policy: 'round_robin', health: [], ...options }) };
}

const excluded = ({ candidates }: Explanation) =>
  Object.fromEntries(candidates.map((each) => [each.endpoint, each.excluded]));

describe('a candidate of an explanation', () => {
  it('is told with its address, zone, priority and state', () => {
    const { service } = start([
      at('near', 1, { zone: 'eu-1a' }),
      at('far', 2, { zone: 'eu-1b', priority: 1 }),
      at('six', 3, { host: '::1', healthy: false }),
    ]);
    expect(service.explain().candidates).toMatchObject([
      { endpoint: 'far', address: '10.0.0.1:2', zone: 'eu-1b', priority: 1, state: 'ready' },
      { endpoint: 'near', address: '10.0.0.1:1', zone: 'eu-1a', priority: 0, state: 'ready' },
      { endpoint: 'six', address: '[::1]:3', zone: '', priority: 0, state: 'unhealthy' },
    ]);
  });

  it('has its weight and its calls in progress, where the policy says no more of it', () => {
    const own = { name: 'own', needsLatency: false, create: () => ({ update: () => {}, pick: () => ({}) as never }) };
    const { service } = start([at('a', 1, { weight: 3 })], { policy: own });
    expect(service.explain().candidates[0]).toMatchObject({ cost: undefined, parts: { weight: 3, inflight: 0 } });
  });

  it('has no part that is not known yet', () => {
    const { service, clock } = start([at('a', 1), at('b', 2)], { policy: 'peak_ewma' });
    const lease = service.acquire({ prefer: 'a' });
    clock.advance(20);
    lease.done(Outcome.Success);
    const [asked, other] = service.explain().candidates;
    expect(asked!.parts).toHaveProperty('ewmaMs', 20);
    for (const value of Object.values(other!.parts)) expect(value).not.toBeNaN();
  });

  it('that is chosen is not left out, though the call was there before', () => {
    const { service } = start([at('a', 1), at('b', 2), at('c', 3)]);
    const { chosen, candidates } = service.explain({ tried: service.endpoints });
    expect(chosen).toBeDefined();
    for (const { endpoint, excluded: why } of candidates) expect(why).toBe(endpoint === chosen ? undefined : 'tried');
  });
});

describe('an endpoint is left out of an explanation', () => {
  it('for its zone, where another of the same priority carries the calls', () => {
    const { service } = start(
      [at('a1', 1, { zone: 'a' }), at('a2', 2, { zone: 'a' }), at('b1', 3, { zone: 'b' }), at('c1', 4, { zone: 'c' })],
      { zone: { local: 'a', minEndpoints: 1 } },
    );
    expect(excluded(service.explain())).toEqual({ a1: undefined, a2: undefined, b1: 'zone', c1: 'zone' });
  });

  it('for its priority, where it carries no calls at all', () => {
    const { service } = start([at('first', 1), at('spare', 2, { priority: 1 }), at('last', 3, { priority: 2 })]);
    expect(excluded(service.explain())).toEqual({ first: undefined, spare: 'priority', last: 'priority' });
  });

  it('as the aperture of this client does not reach it', () => {
    const { service } = start(endpoints(6), { aperture: { size: 2, peer: { index: 0, total: 3 } } });
    const { candidates } = service.explain();
    expect(candidates.filter((each) => each.excluded === undefined)).toHaveLength(2);
    expect(candidates.filter((each) => each.excluded === 'aperture')).toHaveLength(4);
  });

  it('as its first check has not passed', async () => {
    const check = customCheck({
      ask: async ({ port }) => {
        if (port === 1) throw new Error('it starts');
      },
      initially: 'unhealthy',
    });
    const { service, clock } = start([at('starting', 1), at('up', 2)], { checks: [check] });
    expect(excluded(service.explain())).toEqual({ starting: 'unchecked', up: 'unchecked' });
    await clock.advanceAsync(1_000);
    expect(excluded(service.explain())).toEqual({ starting: 'unhealthy', up: undefined });
  });

  it('for its breaker, which is no limit', () => {
    const breaker = { consecutiveFailures: 2, openMs: 60_000, maxOpenMs: 60_000 };
    const { service } = start(endpoints(2), { resilience: { breakerPerEndpoint: breaker } });
    for (let i = 0; i < 2; i++) service.acquire({ prefer: 'e0' }).done(Outcome.Failure);
    expect(excluded(service.explain())).toEqual({ e0: 'breaker', e1: undefined });
    for (let i = 0; i < 2; i++) service.acquire({ prefer: 'e1' }).done(Outcome.Failure);
    expect(service.explain()).toMatchObject({ chosen: undefined, refused: { code: 'FAIRLEAD_CIRCUIT_OPEN' } });
  });

  it('as it drains, though its subset and its zone would not have it either', () => {
    const { service, resolver } = start([at('a', 1), at('b', 2)]);
    const lease = service.acquire({ prefer: 'b' });
    resolver.update('users', [at('a', 1)]);
    using subset = service.subset({ usable: ({ spec }) => spec.id !== 'b' });
    expect(excluded(subset.explain())).toEqual({ a: undefined, b: 'draining' });
    lease.done(Outcome.Success);
    expect(excluded(subset.explain())).toEqual({ a: undefined });
  });
});
