import { type Endpoint, Outcome, type PolicyName, type ProbeSource, prequal } from 'fairlead';
import { meshFigures } from 'fairlead/monitor';
import { fairleadMetricProducer } from 'fairlead/otel';
import { prometheusMetrics } from 'fairlead/prometheus';
import { describe, expect, it } from 'vitest';
import { bytesPer } from '../support/bytes.js';
import { endpoints, testMesh } from '../support/mesh.js';

const silent: ProbeSource = { probe: () => undefined };

function setUp(policy: PolicyName | ReturnType<typeof prequal>, count: number, probes: ProbeSource = silent) {
  const { mesh, clock } = testMesh({ users: endpoints(count) });
  const users = mesh.service('users', { policy, probes });
  const figures = meshFigures(mesh);
  const call = (tried?: readonly Endpoint[]): Endpoint => {
    const lease = users.acquire({ tried });
    clock.advance(1);
    lease.done(Outcome.Success);
    return lease.endpoint;
  };
  return { mesh, clock, users, call, oddities: () => figures.read().services[0]!.oddities };
}

describe('oddities of a policy', () => {
  it.each(['least_request', 'peak_ewma'] as const)('count how often %s drew the same twice', (policy) => {
    for (const [count, share] of [
      [2, 1],
      [20, 1 / 19],
    ] as const) {
      const { call, oddities } = setUp(policy, count);
      const CALLS = 4_000;
      for (let i = 0; i < CALLS; i++) call();
      // Each redraw may draw the same again: p + p² + …, up to four times.
      const counts = oddities()[policy]!;
      expect(counts.drewSame / CALLS).toBeGreaterThan(share * 0.8);
      expect(counts.drewSame / CALLS).toBeLessThan(share * 1.2);
      expect(counts).toMatchObject({ drewTried: 0, probing: null });
      expect(counts.searched > 0).toBe(count === 2);
    }
  });

  it('count none where there is one endpoint, which is no choice', () => {
    const { call, oddities } = setUp('least_request', 1);
    for (let i = 0; i < 10; i++) call();
    expect(oddities()).toEqual({ least_request: { drewSame: 0, drewTried: 0, searched: 0, probing: null } });
  });

  it.each(['random', 'least_connections', 'adaptive_weight', 'weighted_least_connections'] as const)(
    'count draws of %s that were tried before',
    (policy) => {
      const { call, oddities } = setUp(policy, 2);
      const first = call();
      for (let i = 0; i < 100; i++) expect(call([first])).not.toBe(first);
      const { drewSame, drewTried, searched } = oddities()[policy]!;
      expect(drewSame).toBe(0);
      expect(drewTried).toBeGreaterThan(50);
      expect(drewTried).toBeLessThan(150);
      expect(searched).toBeGreaterThan(0);
    },
  );

  it('are not there of policies that neither draw nor ask', () => {
    const { call, oddities } = setUp('round_robin', 2);
    call();
    expect(oddities()).toEqual({});
  });

  it('are over all subsets, past and present, and never fall', () => {
    const { users, oddities } = setUp('least_request', 2);
    const subset = users.subset({ usable: () => true });
    for (let i = 0; i < 100; i++) subset.acquire().done(Outcome.Success);
    const { drewSame } = oddities().least_request!;
    expect(drewSame).toBeGreaterThan(50);
    subset.close();
    expect(oddities().least_request).toMatchObject({ drewSame });
  });

  it('do not count what explain draws', () => {
    const { users, oddities } = setUp('least_request', 2);
    for (let i = 0; i < 50; i++) users.explain();
    expect(oddities().least_request).toMatchObject({ drewSame: 0, searched: 0 });
  });
});

describe('oddities of prequal', () => {
  it('count probes, answers, and picks without any', () => {
    let answers = false;
    const probes: ProbeSource = { probe: (_endpoint, reply) => answers && reply(1, 10) };
    const { call, users, oddities } = setUp(prequal({ probesPerCall: 2 }), 4, probes);
    for (let i = 0; i < 10; i++) call();
    const probing = { probes: 20, answers: 0, stale: 0, unanswered: 10 };
    expect(oddities().prequal!.probing).toEqual(probing);
    users.explain();
    expect(oddities().prequal!.probing).toEqual(probing);
    answers = true;
    for (let i = 0; i < 10; i++) call();
    const { probing: later } = oddities().prequal!;
    expect(later).toMatchObject({ probes: 40, answers: 20, stale: 0 });
    expect(later!.unanswered).toBeLessThan(13);
  });

  it('count answers that grew too old', () => {
    let answers = true;
    const probes: ProbeSource = { probe: (_endpoint, reply) => answers && reply(1, 10) };
    const { call, clock, oddities } = setUp(prequal({ removalsPerCall: 0, maxAgeMs: 100 }), 4, probes);
    for (let i = 0; i < 8; i++) call();
    expect(oddities().prequal!.probing).toMatchObject({ stale: 0 });
    answers = false;
    clock.advance(101);
    call();
    const { stale } = oddities().prequal!.probing!;
    expect(stale).toBeGreaterThan(1);
    expect(stale).toBeLessThanOrEqual(4);
    call();
    expect(oddities().prequal!.probing).toMatchObject({ stale });
  });
});

describe('oddities as metrics', () => {
  it('are counters by service and policy', async () => {
    const { mesh, call, oddities } = setUp('prequal', 3);
    using prometheus = prometheusMetrics(mesh);
    using producer = fairleadMetricProducer(mesh);
    const first = call();
    for (let i = 0; i < 20; i++) call([first]);
    const { drewTried, searched, probing } = oddities().prequal!;
    expect(drewTried).toBeGreaterThan(0);
    const text = prometheus.metrics();
    const labels = 'service="users",policy="prequal"';
    expect(text).toContain(`fairlead_policy_redraws_total{${labels},reason="same"} 0\n`);
    expect(text).toContain(`fairlead_policy_redraws_total{${labels},reason="tried"} ${drewTried}\n`);
    expect(text).toContain(`fairlead_policy_searches_total{${labels}} ${searched}\n`);
    expect(text).toContain(`fairlead_policy_probes_total{${labels}} 63\n`);
    expect(text).toContain(`fairlead_policy_probe_answers_total{${labels}} 0\n`);
    expect(text).toContain(`fairlead_policy_stale_answers_total{${labels}} 0\n`);
    expect(text).toContain(`fairlead_policy_unanswered_picks_total{${labels}} ${probing!.unanswered}\n`);
    const { resourceMetrics } = await producer.collect();
    const shown = resourceMetrics.scopeMetrics[0]!.metrics.filter(({ descriptor }) =>
      descriptor.name.startsWith('fairlead.policy.'),
    ).map(({ descriptor, dataPoints }) => [descriptor.name, ...dataPoints.map(({ value }) => value)]);
    expect(shown).toEqual([
      ['fairlead.policy.redraws', 0, drewTried],
      ['fairlead.policy.searches', searched],
      ['fairlead.policy.probes', 63],
      ['fairlead.policy.probe_answers', 0],
      ['fairlead.policy.stale_answers', 0],
      ['fairlead.policy.unanswered_picks', 21],
    ]);
  });
});

it.each(['least_request', 'random'] as const)('a redraw of %s allocates nothing', (policy) => {
  const { mesh } = testMesh({ users: endpoints(2) });
  const users = mesh.service('users', { policy });
  const request = { tried: [users.endpoints[0]!] };
  const bytes = bytesPer(() => users.acquire(request).done(Outcome.Success), 50_000);
  expect(bytes).toBeLessThan(50);
});
