import { createMesh, type Endpoint, Outcome, type ProbeSource, prequal, staticResolver } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/** Servers that answer probes at once with what the test says of them. */
function answering(state: Readonly<Record<string, readonly [inflight: number, latencyMs: number]>>): ProbeSource {
  return {
    probe: (endpoint: Endpoint, reply) => {
      const answer = state[endpoint.spec.id];
      if (answer !== undefined) reply(...answer);
    },
  };
}

function picks(probes: ProbeSource, count: number, calls: number, policy = prequal()): Record<string, number> {
  const { mesh, clock } = testMesh({ users: endpoints(count) });
  const service = mesh.service('users', { policy, probes });
  const counts: Record<string, number> = {};
  for (let i = 0; i < calls; i++) {
    const lease = service.acquire();
    const { id } = lease.endpoint.spec;
    if (i >= 20) counts[id] = (counts[id] ?? 0) + 1 / (calls - 20);
    clock.advance(1);
    lease.done(Outcome.Success);
  }
  return counts;
}

describe('prequal', () => {
  it('is refused where nobody offers probes, saying what to do', () => {
    const mesh = createMesh({ resolver: staticResolver({ users: endpoints(2) }) });
    expect(() => mesh.service('users', { policy: 'prequal' })).toThrow(/service 'users' .* `probes`.* peak_ewma/);
  });

  it('refuses probes that are none', () => {
    const { mesh } = testMesh({ users: endpoints(2) });
    expect(() => mesh.service('users', { probes: {} as never })).toThrow(
      /probes is an object: allowed is an object with/,
    );
  });

  it('chooses the cold endpoint with the lowest latency', () => {
    const shares = picks(answering({ e0: [5, 30], e1: [5, 10], e2: [5, 20], e3: [90, 1] }), 4, 500);
    // What is used counts as one call more, so that even the best is not the only one.
    expect(shares.e1).toBeGreaterThan(0.5);
    expect(shares.e3 ?? 0).toBeLessThan(0.05);
  });

  it('goes by calls in progress alone where the quantile is 0, by latency alone where it is 1', () => {
    const state = answering({ e0: [1, 90], e1: [2, 50], e2: [300, 10] });
    expect(picks(state, 3, 300, prequal({ hotQuantile: 0 })).e0).toBeGreaterThan(0.6);
    expect(picks(state, 3, 300, prequal({ hotQuantile: 1 })).e2).toBeGreaterThan(0.6);
  });

  it.each([
    [20, 4],
    [200, 4],
    [20, 1_000],
  ])('gives each of %i equally busy endpoints its share by weight, 1 against %i', (count, heavy) => {
    const { mesh, clock } = testMesh({
      users: endpoints(count).map((spec, i) => ({
        ...(spec as { id: string; host: string; port: number }),
        weight: i % 2 === 0 ? 1 : heavy,
      })),
    });
    const service = mesh.service('users', { policy: 'prequal', probes: { probe: (_, reply) => reply(1, 10) } });
    let light = 0;
    for (let i = 0; i < 20_000; i++) {
      const lease = service.acquire();
      if (lease.endpoint.spec.weight === 1) light++;
      clock.advance(1);
      lease.done(Outcome.Success);
    }
    const ideal = 20_000 / (1 + heavy);
    expect(light).toBeGreaterThan(ideal * 0.8 - 10);
    expect(light).toBeLessThan(ideal * 1.2 + 10);
  });

  it('picks among the endpoints it asked', () => {
    const { mesh } = testMesh({ users: endpoints(1_000) });
    const asked = new Set<string>();
    const probes: ProbeSource = {
      probe: (endpoint, reply) => {
        asked.add(endpoint.spec.id);
        reply(1, 10);
      },
    };
    const service = mesh.service('users', { policy: 'prequal', probes });
    for (let i = 0; i < 100; i++) {
      const { endpoint } = service.acquire();
      if (i > 0) expect(asked).toContain(endpoint.spec.id);
    }
  });

  it('does not make the service measure response times: servers tell theirs', () => {
    const { mesh, clock } = testMesh({ users: endpoints(2) });
    const service = mesh.service('users', { policy: 'prequal', probes: answering({}) });
    const lease = service.acquire();
    clock.advance(5);
    lease.done(Outcome.Success);
    expect(lease.endpoint.latencyMs).toBeNaN();
  });

  it('sends three probes per call', () => {
    let probes = 0;
    const counting: ProbeSource = { probe: () => void probes++ };
    picks(counting, 10, 100);
    expect(probes).toBe(300);
  });

  it('picks at random while answers are missing, too old, nonsense, or probing throws', () => {
    const silent: ProbeSource = { probe: () => {} };
    const throwing: ProbeSource = {
      probe: () => {
        throw new Error('no');
      },
    };
    const nonsense: ProbeSource = { probe: (_, reply) => reply(Number.NaN, -1) };
    for (const probes of [silent, throwing, nonsense]) {
      for (const share of Object.values(picks(probes, 4, 2_000))) expect(share).toBeCloseTo(0.25, 1);
    }
  });

  it('does not use answers older than a second, nor those of endpoints that left', () => {
    const { mesh, clock, resolver } = testMesh({ users: endpoints(3) });
    const replies: (() => void)[] = [];
    const late: ProbeSource = {
      probe: (endpoint, reply) => replies.push(() => reply(0, endpoint.spec.id === 'e0' ? 1 : 50)),
    };
    const service = mesh.service('users', { policy: prequal({ probesPerCall: 6, removalsPerCall: 0 }), probes: late });
    const call = (): string => {
      const lease = service.acquire();
      lease.done(Outcome.Success);
      return lease.endpoint.spec.id;
    };
    const calls = (): Set<string> => new Set(Array.from({ length: 5 }, call));
    for (let i = 0; i < 5; i++) call();
    for (const reply of replies.splice(0)) reply();
    expect(call()).toBe('e0');
    clock.advance(1_001);
    expect(new Set(Array.from({ length: 20 }, call)).size).toBe(3);
    resolver.update('users', endpoints(3).slice(1));
    for (const reply of replies.splice(0)) reply();
    expect(calls()).not.toContain('e0');
  });
});
