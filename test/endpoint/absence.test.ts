import { consecutiveFailures, type EndpointInput, type FairleadError, Outcome, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

const at = (port: number): EndpointInput => ({ id: 'e0', host: '127.0.0.1', port });

function one(options: ServiceOptions, list: readonly EndpointInput[] = [at(1)]) {
  const test = testMesh({ users: list });
  return { ...test, service: test.mesh.service('users', { health: [], ...options }) };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as FairleadError).code;
  }
  return 'none';
}

describe('an endpoint that left discovery and returns at the same address', () => {
  it('is the same one, also where its id was elsewhere in between', () => {
    const { service, resolver } = one({ resilience: { limits: { maxInflightPerEndpoint: 1 } } });
    const lease = service.acquire();
    resolver.update('users', [at(2)]);
    resolver.update('users', [at(1)]);
    expect(service.endpoints[0]).toBe(lease.endpoint);
    expect(codeOf(() => service.acquire())).toBe('FAIRLEAD_TOO_MANY_CALLS');
    lease.done(Outcome.Success);
    expect(lease.endpoint.inflight).toBe(0);
    service.acquire().done(Outcome.Success);
  });

  it('keeps its breaker, its rate, its latency and its counters, with no call in progress', () => {
    const { service, resolver, clock } = one({
      measureLatency: true,
      resilience: {
        breakerPerEndpoint: { consecutiveFailures: 3, openMs: 30_000, jitterRatio: 0 },
        limits: { ratePerEndpoint: { perSecond: 0.01, burst: 5 } },
      },
    });
    const flap = (): void => {
      resolver.update('users', []);
      clock.advance(1_000);
      resolver.update('users', [at(1)]);
    };
    for (let i = 0; i < 3; i++) {
      const lease = service.acquire();
      clock.advance(10);
      lease.done(i === 0 ? Outcome.Success : Outcome.Failure);
      flap();
    }
    const [endpoint] = service.endpoints;
    expect([endpoint!.calls, endpoint!.failures, endpoint!.latencyMs]).toEqual([3, 2, 10]);
    service.acquire().done(Outcome.Failure);
    expect(codeOf(() => service.acquire())).toBe('FAIRLEAD_CIRCUIT_OPEN');
    flap();
    expect(codeOf(() => service.acquire())).toBe('FAIRLEAD_CIRCUIT_OPEN');
    clock.advance(30_000);
    service.acquire().done(Outcome.Success);
    expect(codeOf(() => service.acquire())).toBe('FAIRLEAD_RATE_LIMITED');
  });

  it('is still on its way to an ejection, and comes back from one through a probing call', () => {
    const both = endpoints(2);
    const { service, resolver, clock } = one({ health: [consecutiveFailures({ failures: 4, jitterRatio: 0 })] }, both);
    const ejected: number[] = [];
    service.on('ejected', ({ forMs }) => ejected.push(forMs));
    const [bad] = service.endpoints;
    const fail = (): void => {
      const lease = service.acquire({ prefer: 'e0' });
      expect(lease.endpoint).toBe(bad);
      lease.done(Outcome.ConnectFailure);
    };
    const flap = (): void => {
      resolver.update('users', both.slice(1));
      clock.advance(500);
      resolver.update('users', both);
    };
    for (let i = 0; i < 4; i++) {
      fail();
      if (i < 3) flap();
    }
    expect([ejected, bad!.state]).toEqual([[30_000], 'ejected']);
    flap();
    expect(bad!.state).toBe('probing');
    const probe = service.acquire();
    expect(probe.endpoint).toBe(bad);
    probe.done(Outcome.ConnectFailure);
    expect([ejected, bad!.state]).toEqual([[30_000, 60_000], 'ejected']);
    flap();
    service.acquire().done(Outcome.Success);
    expect(bad!.state).toBe('ready');
  });

  it('is forgotten after a while', () => {
    const { service, resolver, clock } = one({});
    const [first] = service.endpoints;
    service.acquire().done(Outcome.Success);
    resolver.update('users', []);
    clock.advance(3_600_000);
    resolver.update('users', [at(1)]);
    expect([service.endpoints[0] === first, service.endpoints[0]!.calls]).toEqual([false, 0]);
  });

  it('is not forgotten while its last call is still running', () => {
    const { service, resolver, clock } = one({});
    const lease = service.acquire();
    resolver.update('users', []);
    clock.advance(3_600_000);
    resolver.update('users', [at(2)]);
    resolver.update('users', [at(1)]);
    expect(service.endpoints[0]).toBe(lease.endpoint);
    lease.done(Outcome.Success);
  });

  it('is one of a bounded number that are remembered', () => {
    const { service, resolver, clock } = one({ health: [consecutiveFailures()] });
    const [first] = service.endpoints;
    for (let i = 2; i < 5_000; i++) {
      resolver.update('users', [at(i)]);
      clock.advance(51);
    }
    resolver.update('users', [at(1)]);
    expect(service.endpoints[0]!.spec.port).toBe(1);
    expect(service.endpoints[0]).not.toBe(first);
  });
});

describe('what a list has wrong', () => {
  it('is reported once, however often the list is told', () => {
    const { service, resolver } = one({}, [at(1)]);
    const errors: string[] = [];
    service.on('error', (error) => errors.push(error.message));
    const twice = (weight: number): EndpointInput[] => [at(1), { ...(at(2) as object), weight } as EndpointInput];
    for (let i = 0; i < 10; i++) resolver.update('users', twice(i + 1));
    expect(errors).toEqual([expect.stringMatching(/'e0'.*another endpoint has the same id/)]);
    // Right once, and wrong again: that is news.
    resolver.update('users', [at(1)]);
    resolver.update('users', twice(1));
    expect(errors).toHaveLength(2);
  });
});
