import type { Endpoint, EndpointInput, Explanation, PolicySpec, Service, ServiceOptions } from 'fairlead';
import { consecutiveFailures, Outcome } from 'fairlead';
import { routeCalls } from 'fairlead/routing';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const POLICIES: readonly PolicySpec[] = [
  'round_robin',
  'weighted_round_robin',
  'random',
  'least_connections',
  'weighted_least_connections',
  'least_request',
  'peak_ewma',
  'adaptive_weight',
  'consistent_hash',
  { consistent_hash: { maxLoadRatio: 1.5 } },
  'maglev',
  'rendezvous',
  'ip_hash',
  'prequal',
];

const WEIGHED: EndpointInput[] = endpoints(4).map((each, i) => ({ ...(each as object), weight: 1 + i })) as never;

/** Answers come after the pick, as they do from servers. */
function lateProbes() {
  const waiting: (() => void)[] = [];
  return {
    probes: {
      probe: (endpoint: { inflight: number }, reply: (inflight: number, latencyMs: number) => void) => {
        waiting.push(() => reply(endpoint.inflight, 10));
      },
    },
    answer: () => {
      for (const reply of waiting.splice(0)) reply();
    },
  };
}

function world(policy: PolicySpec, more: ServiceOptions = {}, list = WEIGHED) {
  const { probes, answer } = lateProbes();
  const test = testMesh({ users: list });
  const service = test.mesh.service('users', { policy, probes, ...more });
  return { ...test, service, answer };
}

/** Calls with and without a key, some in progress; `before` each of them. */
function drive(
  policy: PolicySpec,
  calls: number,
  before: (service: Service, key: string | undefined) => void,
): string[] {
  const { service, clock, answer } = world(policy);
  const open: { done(outcome: Outcome): void }[] = [];
  return Array.from({ length: calls }, (_, call) => {
    answer();
    const key = call % 3 === 0 ? undefined : `user:${call % 40}`;
    before(service, key);
    const lease = service.acquire({ key });
    open.push(lease);
    clock.advance(1 + (call % 5));
    if (open.length > 6) open.shift()?.done(call % 13 === 0 ? Outcome.Failure : Outcome.Success);
    return lease.endpoint.spec.id;
  });
}

const shares = (ids: readonly (string | undefined)[]): number[] =>
  ['e0', 'e1', 'e2', 'e3'].map((id) => ids.filter((each) => each === id).length / ids.length);

// Of all policies, `policyChecks` compares the previews with the picks.
describe.each(['round_robin', 'peak_ewma', 'consistent_hash'] as const)('explain under %s', (policy) => {
  it('agrees with the picks over 10,000 draws, and is one of what was drawn', () => {
    const explained: (string | undefined)[] = [];
    const picked = drive(policy, 10_000, (service, key) => {
      const { chosen, drew, by } = service.explain({ key });
      explained.push(chosen);
      if (by === 'policy') expect(drew).toContain(chosen);
    });
    const [ours, its] = [shares(explained), shares(picked)];
    for (const [i, share] of ours.entries()) expect(Math.abs(share - its[i]!)).toBeLessThan(0.025);
  });
});

describe.each(POLICIES)('explain under %j', (policy) => {
  it('changes nothing: the picks are those without it, and so are the counters', () => {
    let before: unknown;
    const counters = ({ endpoints: all }: Service) =>
      all.map(({ spec, calls, inflight, failures, weight, latencyMs, failureRatio }) => [
        spec.id,
        calls,
        inflight,
        failures,
        weight,
        latencyMs,
        failureRatio,
      ]);
    const explained = drive(policy, 600, (service, key) => {
      before = counters(service);
      service.explain({ key });
      expect(counters(service)).toEqual(before);
    });
    expect(explained).toEqual(drive(policy, 600, () => {}));
  });
});

const excluded = ({ candidates }: Explanation): Record<string, string | undefined> =>
  Object.fromEntries(candidates.map((each) => [each.endpoint, each.excluded]));

describe('explain', () => {
  it('says what each endpoint costs, and what that is made of', () => {
    const { service, clock } = world('peak_ewma', {}, endpoints(2));
    for (const ms of [10, 50]) {
      const lease = service.acquire();
      clock.advance(ms);
      lease.done(Outcome.Success);
    }
    const held = service.acquire();
    const { candidates, policy, drew, by } = service.explain();
    expect(policy).toBe('peak_ewma');
    expect(by).toBe('policy');
    expect([...drew].sort()).toEqual(['e0', 'e1']);
    const own = candidates.find(({ endpoint }) => endpoint === held.endpoint.spec.id)!;
    expect(own.parts).toMatchObject({ inflight: 1, weight: 1, failureRatio: 0 });
    expect(own.cost).toBeCloseTo(own.parts.ewmaMs! * 2, 6);
  });

  it('is plain values: its JSON is the same', () => {
    const { service } = world('adaptive_weight');
    const explanation = service.explain({ key: 'k' });
    expect(JSON.parse(JSON.stringify(explanation))).toEqual(JSON.parse(JSON.stringify({ ...explanation })));
    expect(JSON.stringify(explanation)).not.toContain('null');
  });

  it('shows the hash of a key, which may be a credential', () => {
    const { service } = world('maglev');
    expect(JSON.stringify(service.explain({ key: 'c4naryS3cret' }))).not.toContain('c4naryS3cret');
    expect(service.explain({ key: 'a' }).key).toHaveLength(43);
    expect(service.explain().key).toBeUndefined();
  });

  it('says why an endpoint is left out', () => {
    const list = [
      ...(endpoints(6) as { id: string }[]),
      { id: 'later', host: '127.0.0.1', port: 6_000, priority: 1 },
      { id: 'sick', host: '127.0.0.1', port: 6_001, healthy: false },
    ];
    const { service, resolver } = world('round_robin', { health: [] }, list as never);
    const draining = service.acquire({ prefer: 'e5' });
    resolver.update('users', list.filter(({ id }) => id !== 'e5') as never);
    expect(excluded(service.explain({ tried: [service.endpoints[0]!] }))).toEqual({
      e0: 'tried',
      e1: undefined,
      e2: undefined,
      e3: undefined,
      e4: undefined,
      e5: 'draining',
      later: 'priority',
      sick: 'unhealthy',
    });
    draining.done(Outcome.Success);
  });

  it('has the endpoints in the order of their ids, also those that drain', () => {
    const { service, resolver } = world('round_robin', {}, endpoints(3));
    const draining = service.acquire({ prefer: 'e1' });
    resolver.update('users', endpoints(3).toSpliced(1, 1));
    const ids = service.explain().candidates.map(({ endpoint, state }) => `${endpoint} ${state}`);
    expect(ids).toEqual(['e0 ready', 'e1 draining', 'e2 ready']);
    draining.done(Outcome.Success);
  });

  it('refuses a name that a request does not have, also beside one that it has', () => {
    const { service } = world('round_robin');
    for (const each of [service, service.subset({ usable: () => true })]) {
      const explain = () => each.explain({ key: 'a', prefre: 'e1' } as never);
      expect(explain).toThrow(/acquire\.prefre is not an option: there are key, prefer, /);
    }
  });

  it('names those that outcomes took out, and the call that one of them waits for', () => {
    const { service, clock } = world('round_robin', { health: [consecutiveFailures()] }, endpoints(4));
    const fail = (): void => service.acquire({ prefer: 'e0' }).done(Outcome.Failure);
    for (let i = 0; i < 5; i++) fail();
    expect(excluded(service.explain()).e0).toBe('ejected');
    clock.advance(60_000);
    const { by, chosen } = service.explain();
    expect([by, chosen]).toEqual(['probe', 'e0']);
    const probing = service.acquire();
    expect(probing.endpoint.spec.id).toBe('e0');
    expect(excluded(service.explain()).e0).toBe('probing');
    probing.done(Outcome.Success);
  });

  it('goes past an endpoint at its limit, as the call does', () => {
    const { service } = world('round_robin', { resilience: { limits: { maxInflightPerEndpoint: 1 } } }, endpoints(3));
    const leases = [service.acquire(), service.acquire()];
    const free = ['e0', 'e1', 'e2'].find((id) => leases.every(({ endpoint }) => endpoint.spec.id !== id));
    const explanation = service.explain();
    expect(explanation.chosen).toBe(free);
    expect(Object.values(excluded(explanation)).filter((each) => each === 'limit')).toHaveLength(2);
    leases.push(service.acquire());
    expect(service.explain().refused?.code).toBe('FAIRLEAD_TOO_MANY_CALLS');
    expect(service.explain().chosen).toBeUndefined();
  });

  it('says what the call would be refused with, and throws for a key that is none', async () => {
    const { service, resolver } = world('round_robin');
    expect(() => service.explain({ key: 1 as never })).toThrow(
      expect.objectContaining({ code: 'FAIRLEAD_INVALID_OPTION' }),
    );
    resolver.update('users', []);
    expect(world('random', {}, []).service.explain().refused?.code).toBe('FAIRLEAD_NO_ENDPOINT');
    await service.close();
    expect(service.explain().refused?.code).toBe('FAIRLEAD_CLOSED');
  });

  it('finds the session of a key, and neither renews nor begins one', () => {
    const { service, clock } = world('round_robin', { affinity: { ttlMs: 1_000 } }, endpoints(3));
    expect(service.explain({ key: 'a' }).session).toEqual({ state: 'begins', home: undefined });
    expect(service.explain({ key: 'a' }).session?.state).toBe('begins');
    const lease = service.acquire({ key: 'a' });
    const home = lease.endpoint.spec.id;
    lease.done(Outcome.Success);
    expect(service.explain({ key: 'a' })).toMatchObject({
      by: 'session',
      chosen: home,
      session: { state: 'bound', home },
    });
    clock.advance(600);
    service.explain({ key: 'a' });
    clock.advance(600);
    expect(service.explain({ key: 'a' }).session?.state).toBe('begins');
  });

  it('says where a session goes whose endpoint cannot be used, or that it is refused', () => {
    for (const onUnavailable of ['move', 'fail'] as const) {
      const { service, resolver } = world('round_robin', { affinity: { onUnavailable, drainMs: 0 } }, endpoints(3));
      const home = service.acquire({ key: 'a' }).endpoint.spec.id;
      resolver.update(
        'users',
        endpoints(3).filter((each) => (each as { id: string }).id !== home),
      );
      const moved: unknown[] = [];
      service.on('affinity', (event) => moved.push(event));
      const explanation = service.explain({ key: 'a' });
      expect(moved).toEqual([]);
      if (onUnavailable === 'fail') expect(explanation.refused?.code).toBe('FAIRLEAD_AFFINITY_LOST');
      else expect(explanation).toMatchObject({ by: 'policy', session: { state: 'moves', home } });
    }
  });

  it('names the arm of a split and what is not of it, and counts no spill', () => {
    const list: EndpointInput[] = [
      { id: 'old', host: '127.0.0.1', port: 1, meta: { version: '1' } },
      { id: 'new', host: '127.0.0.1', port: 2, meta: { version: '2' } },
    ];
    const { service, resolver } = world('round_robin', {}, list);
    const routing = routeCalls(service, { split: { name: 'users', arms: { v2: { share: 50, version: '2' } } } });
    const arms = Array.from({ length: 2_000 }, () => service.explain());
    const isNew = arms.filter(({ split }) => split?.name === 'v2');
    expect(isNew.length / arms.length).toBeCloseTo(0.5, 1);
    expect(isNew[0]).toMatchObject({ chosen: 'new', split: { split: 'users', name: 'v2' } });
    expect(excluded(isNew[0]!)).toEqual({ old: 'part', new: undefined });
    resolver.update('users', [list[0]!]);
    const spilled = Array.from({ length: 50 }, () => service.explain()).find((each) => each.spilledFrom !== undefined);
    expect(spilled).toMatchObject({ chosen: 'old', spilledFrom: { split: 'users', name: 'v2' } });
    expect(routing.status.arms.v2?.spilled).toBe(0);
  });

  it('names the lane of a call', () => {
    const list: EndpointInput[] = [
      { id: 'base', host: '127.0.0.1', port: 1 },
      { id: 'pr7', host: '127.0.0.1', port: 2, meta: { lane: 'pr-7' } },
    ];
    const { service } = world('round_robin', {}, list);
    routeCalls(service, { lanes: true });
    const labels = (name: string): string | undefined => (name === 'x-fairlead-lane' ? 'pr-7' : undefined);
    expect(service.explain({ labels })).toMatchObject({ lane: 'pr-7', chosen: 'pr7' });
    expect(service.explain()).toMatchObject({ lane: undefined, chosen: 'base' });
  });

  it('is for subsets too', () => {
    const { service } = world('round_robin', {}, endpoints(3));
    using subset = service.subset({ usable: ({ spec }) => spec.id !== 'e1' });
    expect(excluded(subset.explain())).toEqual({ e0: undefined, e1: 'subset', e2: undefined });
  });

  it('is for subsets whose function throws too: that says no', () => {
    const { service } = world('round_robin', {}, endpoints(3));
    const usable = ({ spec }: Endpoint): boolean => {
      if (spec.id === 'e1') throw new Error('not this one');
      return true;
    };
    using subset = service.subset({ usable });
    expect(excluded(subset.explain())).toEqual({ e0: undefined, e1: 'subset', e2: undefined });
  });

  it('explains a policy of the user that says nothing, but for its choice', () => {
    const own = {
      name: 'own',
      needsLatency: false,
      create: () => ({ update: () => {}, pick: () => ({}) as never }),
    };
    const { service } = world(own, {}, endpoints(2));
    expect(service.explain()).toMatchObject({ policy: 'own', chosen: undefined, drew: [], refused: undefined });
    expect(excluded(service.explain())).toEqual({ e0: undefined, e1: undefined });
  });
});
