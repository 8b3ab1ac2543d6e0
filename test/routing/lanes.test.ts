import { AsyncResource } from 'node:async_hooks';
import { type EndpointInput, Outcome, type Service } from 'fairlead';
import { currentLane, laneOf, routeCalls, withLane } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { testMesh } from '../support/mesh.js';

const at = (id: string, port: number, lane?: string, version = '1'): EndpointInput => ({
  id,
  host: '127.0.0.1',
  port,
  meta: { version, ...(lane !== undefined && { lane }) },
});
const BASE = [at('base-a', 1), at('base-b', 2)];
const X = at('x-a', 3, 'feature-x');

function world(endpoints: readonly EndpointInput[] = [...BASE, X], lanes: object | true = true) {
  const test = testMesh({ users: endpoints });
  const service = test.mesh.service('users');
  return { ...test, service, routing: routeCalls(service, { lanes }) };
}

const pick = (service: Service, headers?: Record<string, string>): string => {
  const lease = service.acquire({ labels: headers && ((name) => headers[name]) });
  lease.done(Outcome.Success);
  return lease.endpoint.spec.id;
};
const picks = (service: Service, count = 40): Set<string> =>
  new Set(Array.from({ length: count }, () => pick(service)));

describe('a call of a lane', () => {
  it('goes to the endpoints of that lane, named by a header or by the context it is made in', () => {
    const { service } = world();
    expect(pick(service, { 'x-fairlead-lane': 'feature-x' })).toBe('x-a');
    expect(withLane('feature-x', () => picks(service))).toEqual(new Set(['x-a']));
    expect(pick(service, { baggage: 'tenant=7,lane=feature-x;ttl=1' })).toBe('x-a');
  });

  it('falls back to the baseline where the lane has no endpoint here, or none that is well', () => {
    const { service, routing, clock } = world();
    expect(withLane('feature-y', () => picks(service))).toEqual(new Set(['base-a', 'base-b']));
    for (let i = 0; i < 5; i++) {
      withLane('feature-x', () => service.acquire()).done(Outcome.ConnectFailure);
    }
    expect(withLane('feature-x', () => picks(service))).toEqual(new Set(['base-a', 'base-b']));
    expect(routing.status.lanes['feature-x']!.spilled).toBe(40);
    clock.advance(60_000);
    expect(withLane('feature-x', () => pick(service))).toBe('x-a');
  });

  it('is refused instead where it must not fall back', () => {
    const { service } = world(undefined, { fallback: false });
    expect(withLane('feature-x', () => pick(service))).toBe('x-a');
    expect(() => withLane('feature-y', () => pick(service))).toThrow(/none of its 3 endpoints may be used/);
  });

  it('finds an endpoint that joins its lane, and leaves one that left', () => {
    const { service, resolver } = world(BASE);
    const lane = (): Set<string> => withLane('feature-x', () => picks(service));
    expect(lane()).toEqual(new Set(['base-a', 'base-b']));
    resolver.update('users', [...BASE, X]);
    expect(lane()).toEqual(new Set(['x-a']));
    resolver.update('users', [...BASE, at('x-a', 3)]);
    expect(lane()).toEqual(new Set(['base-a', 'base-b', 'x-a']));
  });
});

describe('a call without a lane', () => {
  it('leaves the endpoints of lanes alone, also when no other is well', () => {
    const { service } = world();
    expect(picks(service)).toEqual(new Set(['base-a', 'base-b']));
    for (let i = 0; i < 20; i++) service.acquire().done(Outcome.ConnectFailure);
    expect(picks(service).has('x-a')).toBe(false);
  });

  it('is what a header that names no lane makes of it', () => {
    const { service } = world();
    for (const lane of ['', 'a b', 'x'.repeat(65), '../x', 'é']) {
      expect(pick(service, { 'x-fairlead-lane': lane })).toMatch(/^base/);
    }
  });
});

describe('lanes and a split', () => {
  it('share a service: a lane goes first, arms share what is in no lane', () => {
    const endpoints = [...BASE, X, at('new-a', 4, undefined, '2'), at('new-x', 5, 'feature-x', '2')];
    const { mesh } = testMesh({ users: endpoints });
    const service = mesh.service('users');
    const arms = { v2: { share: 100, version: '2' } };
    routeCalls(service, { lanes: true, split: { name: 'users', arms } });
    expect(picks(service)).toEqual(new Set(['new-a']));
    expect(withLane('feature-x', () => picks(service))).toEqual(new Set(['x-a', 'new-x']));
    expect(withLane('feature-y', () => picks(service))).toEqual(new Set(['new-a']));
  });
});

describe('withLane()', () => {
  it('holds for all that it calls, and for nothing else', async () => {
    expect(currentLane()).toBeUndefined();
    const seen = await withLane('feature-x', async () => {
      await Promise.resolve();
      const inner = withLane(undefined, () => currentLane());
      return [currentLane(), inner];
    });
    expect(seen).toEqual(['feature-x', undefined]);
    expect(new AsyncResource('test').runInAsyncScope(() => currentLane())).toBeUndefined();
  });

  it.each(['host', 'connection', 'content-length', 'transfer-encoding', 'te', 'cookie', 'authorization', 'expect'])(
    'does not travel in %s, which HTTP itself reads',
    (header) => {
      expect(() => world(undefined, { header })).toThrow(/header is ".*": allowed is the name of a header in lower/);
    },
  );

  it('refuses what is no name of a lane', () => {
    expect(() => withLane('a b', () => 1)).toThrow(/lane is "a b": allowed is 1 to 64 letters/);
  });
});

describe('laneOf()', () => {
  it.each([
    ['headers of node:http', { 'x-fairlead-lane': 'a' }],
    ['headers of Fetch', new Headers({ 'X-Fairlead-Lane': 'a' })],
    ['metadata of gRPC', { get: (name: string) => (name === 'x-fairlead-lane' ? ['a', 'b'] : []) }],
    ['a function', (name: string) => (name === 'x-fairlead-lane' ? 'a' : undefined)],
    ['baggage', { baggage: 'x=1, lane = a ;p=1' }],
    ['baggage in two lines', { baggage: ['x=1', 'lane=a'] }],
    ['baggage of gRPC in two lines', { get: (name: string) => (name === 'baggage' ? ['x=1', 'lane=a'] : []) }],
  ])('reads %s', (_, headers) => {
    expect(laneOf(headers as never)).toBe('a');
  });

  it.each([
    ['nothing', {}],
    ['a name that is none', { 'x-fairlead-lane': 'a b' }],
    ['a baggage that is too long', { baggage: `${'x=1,'.repeat(3_000)}lane=a` }],
    ['a baggage without the member', { baggage: 'lanes=a,;=,lane' }],
    ['an inherited name', Object.create({ 'x-fairlead-lane': 'a' })],
  ])('reads no lane from %s', (_, headers) => {
    expect(laneOf(headers)).toBeUndefined();
  });
});
