import { type EndpointInput, Outcome, type Service } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { LiveEndpoint } from '../../../src/endpoint/live-endpoint.js';
import { computeRotation, type RotationOptions } from '../../../src/endpoint/rotation/rotation.js';
import { endpoints, testMesh } from '../../support/mesh.js';

const options: RotationOptions = { panicThreshold: 0.5, overprovisioning: 1.4, zone: undefined, probingInList: false };

interface Part {
  readonly count: number;
  readonly healthy: number;
  readonly priority?: number;
  readonly zone?: string;
}

/** Endpoints in parts, the first `healthy` of each ready, the others ejected. */
function members(...parts: readonly Part[]): LiveEndpoint[] {
  return parts.flatMap(({ count, healthy, priority = 0, zone = '' }) =>
    Array.from({ length: count }, (_, i) => {
      const id = `${priority}/${zone}/${i}`;
      const endpoint = new LiveEndpoint({ id, host: 'h', port: 1, weight: 1, priority, zone, tags: [], meta: {} });
      if (i >= healthy) endpoint.setStanding('ejected');
      return endpoint;
    }),
  );
}

const shares = (all: readonly LiveEndpoint[], more: Partial<RotationOptions> = {}): [string, number][] =>
  computeRotation(all, undefined, { ...options, ...more }).groups.map(({ key, share }) => [
    key,
    Number(share.toFixed(6)),
  ]);

describe('panic', () => {
  it('begins where fewer than the threshold are healthy, not at it', () => {
    expect(computeRotation(members({ count: 10, healthy: 5 }), undefined, options)).toMatchObject({ panic: false });
    const panicking = computeRotation(members({ count: 10, healthy: 4 }), undefined, options);
    expect(panicking.panic).toBe(true);
    expect(panicking.ready).toHaveLength(10);
  });

  it('never begins at threshold 0 while one is healthy, and uses all rather than none when none is', () => {
    const none = { ...options, panicThreshold: 0 };
    expect(computeRotation(members({ count: 10, healthy: 1 }), undefined, none).ready).toHaveLength(1);
    expect(computeRotation(members({ count: 10, healthy: 0 }), undefined, none).ready).toHaveLength(10);
  });

  it('is not needed while the priorities together carry everything, as Envoy has it', () => {
    const all = members({ count: 10, healthy: 2 }, { count: 10, healthy: 8, priority: 1 });
    expect(computeRotation(all, undefined, options).panic).toBe(false);
    expect(shares(all)).toEqual([
      ['0', 0.28],
      ['1', 0.72],
    ]);
  });

  it('concerns only the priorities that are below the threshold', () => {
    const all = members({ count: 10, healthy: 2 }, { count: 10, healthy: 5, priority: 1 });
    const { groups } = computeRotation(all, undefined, options);
    expect(groups.map(({ rotation }) => [rotation.ready.length, rotation.panic])).toEqual([
      [10, true],
      [5, false],
    ]);
  });

  it('shares calls out by numbers when nobody is healthy anywhere', () => {
    const all = members({ count: 9, healthy: 0 }, { count: 3, healthy: 0, priority: 1 });
    expect(shares(all)).toEqual([
      ['0', 0.75],
      ['1', 0.25],
    ]);
  });
});

describe('priorities', () => {
  it('leave everything with the first while it is well', () => {
    const all = members({ count: 10, healthy: 8 }, { count: 10, healthy: 10, priority: 1 });
    expect(shares(all)).toEqual([['0', 1]]);
  });

  it('need not be numbered from 0 without gaps', () => {
    const all = members({ count: 4, healthy: 2, priority: 3 }, { count: 4, healthy: 4, priority: 90 });
    expect(shares(all)).toEqual([
      ['3', 0.7],
      ['90', 0.3],
    ]);
  });

  it('let the next step in while the whole first waits for its probes, and probe it meanwhile', () => {
    const all = members({ count: 2, healthy: 0 }, { count: 2, healthy: 2, priority: 1 });
    for (const endpoint of all.slice(0, 2)) endpoint.setStanding('probing');
    const rotation = computeRotation(all, undefined, options);
    expect(rotation.ready.map(({ spec }) => spec.priority)).toEqual([1, 1]);
    expect(rotation.probing).toEqual(all.slice(0, 2));
  });

  it('do not probe those that get no calls', () => {
    const all = members({ count: 2, healthy: 2 }, { count: 2, healthy: 0, priority: 1 });
    all[2]!.setStanding('probing');
    expect(computeRotation(all, undefined, options).probing).toEqual([]);
  });

  it.each(['round_robin', 'least_request', 'weighted_round_robin', 'peak_ewma', 'random'] as const)(
    'hold for %s in the proportion that they say',
    (policy) => {
      const { mesh } = testMesh({ users: [...endpoints(4), ...spare(4)] });
      const service = mesh.service('users', { policy, maxEjectionRatio: 1 });
      eject(service, ['e0', 'e1']);
      const calls = count(service, 10_000);
      const first = ['e2', 'e3'].reduce((sum, id) => sum + (calls.get(id) ?? 0), 0);
      // 70 % with a standard deviation of 0.46 points.
      expect(first / 10_000).toBeGreaterThan(0.68);
      expect(first / 10_000).toBeLessThan(0.72);
      for (const id of ['e0', 'e1']) expect(calls.has(id)).toBe(false);
    },
  );

  it('keep a key with its endpoint while the shares stay', () => {
    const { mesh } = testMesh({ users: [...endpoints(4), ...spare(4)] });
    const service = mesh.service('users', { policy: 'rendezvous', maxEjectionRatio: 1 });
    eject(service, ['e0', 'e1']);
    const place = (): string[] => Array.from({ length: 500 }, (_, i) => acquireId(service, `key-${i}`));
    const before = place();
    expect(place()).toEqual(before);
    const first = before.filter((id) => id.startsWith('e')).length;
    expect(first / 500).toBeGreaterThan(0.62);
    expect(first / 500).toBeLessThan(0.78);
  });

  it('let a retry leave a group whose endpoints it tried', () => {
    const { mesh } = testMesh({ users: [...endpoints(2), ...spare(2)] });
    const service = mesh.service('users', { policy: 'round_robin', maxEjectionRatio: 1 });
    eject(service, ['e0']);
    const [, last] = service.endpoints;
    expect(last!.spec.id).toBe('e1');
    for (let i = 0; i < 50; i++) expect(service.acquire({ tried: [last!] }).endpoint).not.toBe(last);
  });
});

describe('zones', () => {
  const zone = { local: 'a', minEndpoints: 6, routedRatio: 1, clients: undefined, forceLocalFrom: undefined };

  it('keep calls local while the zone can carry them', () => {
    const all = members({ count: 3, healthy: 3, zone: 'a' }, { count: 3, healthy: 3, zone: 'b' });
    expect(shares(all, { zone })).toEqual([['0/a', 1]]);
  });

  it('are ignored below six healthy endpoints, and in panic', () => {
    const few = members({ count: 3, healthy: 3, zone: 'a' }, { count: 2, healthy: 2, zone: 'b' });
    expect(shares(few, { zone })).toEqual([['0', 1]]);
    const sick = members({ count: 20, healthy: 6, zone: 'a' }, { count: 2, healthy: 2, zone: 'b' });
    expect(shares(sick, { zone })).toEqual([['0', 1]]);
  });

  it('spill over what a sick zone cannot carry', () => {
    const all = members({ count: 4, healthy: 2, zone: 'a' }, { count: 4, healthy: 4, zone: 'b' });
    // Two of six healthy ones for half of the clients: two thirds stay.
    expect(shares(all, { zone })).toEqual([
      ['0/a', 0.666667],
      ['0/b', 0.333333],
    ]);
  });

  it('count the clients that are told, also in zones without endpoints', () => {
    const all = members({ count: 4, healthy: 4, zone: 'a' }, { count: 4, healthy: 4, zone: 'b' });
    expect(shares(all, { zone: { ...zone, clients: { a: 1, b: 1, c: 2 } } })).toEqual([['0/a', 1]]);
    expect(shares(all, { zone: { ...zone, clients: { a: 3, b: 1 } } })).toEqual([
      ['0/a', 0.666667],
      ['0/b', 0.333333],
    ]);
  });

  it('let a share of the calls go anywhere with routedRatio, and keep all with forceLocalFrom', () => {
    const all = members({ count: 2, healthy: 2, zone: 'a' }, { count: 6, healthy: 6, zone: 'b' });
    expect(shares(all, { zone: { ...zone, routedRatio: 0.5 } })).toEqual([
      ['0/a', 0.375],
      ['0/b', 0.625],
    ]);
    expect(shares(all, { zone: { ...zone, forceLocalFrom: 2 } })).toEqual([['0/a', 1]]);
  });

  it('do not matter where nobody runs in the local zone', () => {
    const all = members({ count: 4, healthy: 4, zone: 'b' }, { count: 4, healthy: 4, zone: 'c' });
    expect(shares(all, { zone })).toEqual([['0', 1]]);
  });

  it('refuse to be without a local zone', () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    expect(() => mesh.service('users', { zone: {} as never })).toThrow(/zone\.local is undefined: allowed is the name/);
  });
});

describe('a subset', () => {
  it('shares out by the health of what it covers', () => {
    const all = members({ count: 4, healthy: 0 }, { count: 4, healthy: 4, priority: 1 });
    const first = all[0]!;
    const rotation = computeRotation(all, (endpoint) => endpoint === first || endpoint.spec.priority === 1, options);
    expect(rotation.ready).toEqual(all.slice(4));
  });

  it('of sick endpoints only uses these rather than fail', () => {
    const all = members({ count: 4, healthy: 3 });
    const rotation = computeRotation(all, (endpoint) => endpoint === all[3], options);
    expect(rotation.ready).toEqual([all[3]]);
    expect(rotation.panic).toBe(true);
  });

  it('prefers those about to return to those that are out', () => {
    const all = members({ count: 4, healthy: 2 });
    all[3]!.setStanding('probing');
    const rotation = computeRotation(all, (endpoint) => endpoint === all[2] || endpoint === all[3], options);
    expect(rotation.ready).toEqual([all[3]]);
  });
});

function spare(howMany: number): EndpointInput[] {
  return Array.from({ length: howMany }, (_, i) => ({ id: `s${i}`, host: '127.0.0.1', port: 6_000 + i, priority: 1 }));
}

function acquireId(service: Service, key: string): string {
  const lease = service.acquire({ key });
  lease.done(Outcome.Success);
  return lease.endpoint.spec.id;
}

function eject(service: Service, ids: readonly string[]): void {
  const failing = new Set(ids);
  for (let i = 0; failing.size > 0 && i < 10_000; i++) {
    // Steered there: a policy that minds failures would not go a second time by itself.
    const tried = service.endpoints.filter(({ spec }) => !failing.has(spec.id));
    const lease = service.acquire({ key: `eject-${i}`, tried });
    lease.done(ids.includes(lease.endpoint.spec.id) ? Outcome.Failure : Outcome.Success);
    if (lease.endpoint.state === 'ejected') failing.delete(lease.endpoint.spec.id);
  }
}

function count(service: Service, calls: number): Map<string, number> {
  const seen = new Map<string, number>();
  for (let i = 0; i < calls; i++) {
    const lease = service.acquire();
    seen.set(lease.endpoint.spec.id, (seen.get(lease.endpoint.spec.id) ?? 0) + 1);
    lease.done(Outcome.Success);
  }
  return seen;
}
