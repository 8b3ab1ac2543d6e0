import type { EndpointInput, EndpointsEvent, Service, ServiceOptions } from 'fairlead';
import { connectFailures, Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

/** Endpoints of which those named are listed as unhealthy. */
const list = (count: number, ...unhealthy: string[]): EndpointInput[] =>
  endpoints(count).map((each) => ({
    ...(each as Exclude<EndpointInput, string>),
    healthy: !unhealthy.includes((each as { id: string }).id),
  }));

function world(count: number, unhealthy: string[] = [], options: ServiceOptions = {}) {
  const { mesh, clock, resolver } = testMesh({ users: list(count, ...unhealthy) });
  const service = mesh.service('users', { policy: 'round_robin', ...options });
  return { mesh, clock, service, says: (...ids: string[]) => resolver.update('users', list(count, ...ids)), resolver };
}

const ids = (some: readonly { spec: { id: string } }[]): string => some.map(({ spec }) => spec.id).join();

function picked(service: Service, calls = 40): string {
  const seen = new Set<string>();
  for (let i = 0; i < calls; i++) {
    const lease = service.acquire();
    seen.add(lease.endpoint.spec.id);
    lease.done(Outcome.Success);
  }
  return [...seen].sort().join();
}

describe('an endpoint that its registry calls unhealthy', () => {
  it('is listed, in state unhealthy, and is neither picked nor connected to', () => {
    const { service, says } = world(3);
    const [, e1] = service.endpoints;
    const changes: EndpointsEvent[] = [];
    service.on('endpoints', (change) => changes.push(change));
    says('e1');
    expect(ids(service.endpoints)).toBe('e0,e1,e2');
    expect(service.endpoints[1]).toBe(e1);
    expect(e1!.state).toBe('unhealthy');
    expect(ids(service.usedEndpoints)).toBe('e0,e2');
    expect(ids(service.rotation)).toBe('e0,e2');
    expect(picked(service)).toBe('e0,e2');
    says();
    expect(e1!.state).toBe('ready');
    expect(picked(service)).toBe('e0,e1,e2');
    expect(changes.map(({ arrived, changed, departed }) => [ids(arrived), ids(changed), ids(departed)])).toEqual([
      ['', 'e1', ''],
      ['', 'e1', ''],
    ]);
  });

  it('is not picked in panic either, and where there is none but such, that is said', () => {
    const { service, says } = world(4);
    says('e0', 'e1', 'e2');
    expect(picked(service)).toBe('e3');
    says('e0', 'e1', 'e2', 'e3');
    expect(service.rotation).toEqual([]);
    expect(() => service.acquire()).toThrow(
      expect.objectContaining({
        code: 'FAIRLEAD_NO_ENDPOINT',
        message: expect.stringMatching(/discovery lists 4, none of them healthy.*checks.*maintenance/),
      }),
    );
  });

  it('is waited for by a call, as one that is not there yet', async () => {
    const { service, says, clock } = world(1, ['e0']);
    const call = service.call((endpoint) => endpoint.spec.id);
    await clock.advanceAsync(100);
    says();
    await expect(call).resolves.toBe('e0');
  });

  it('is not taken for a call that prefers it', () => {
    const { service, says } = world(3);
    says('e1');
    for (let i = 0; i < 10; i++) expect(service.acquire({ prefer: 'e1' }).endpoint.spec.id).not.toBe('e1');
  });

  it('keeps its counters, its calls in progress and its ejection', () => {
    const { service, says, clock } = world(3, [], {
      health: [connectFailures({ failures: 2, baseEjectionMs: 30_000 })],
    });
    const e1 = service.endpoints[1]!;
    const held = service.acquire({ prefer: 'e1' });
    for (let i = 0; i < 2; i++) service.acquire({ prefer: 'e1' }).done(Outcome.ConnectFailure);
    expect(e1.state).toBe('ejected');
    says('e1');
    clock.advance(1_000);
    says();
    expect(e1.state).toBe('ejected');
    expect(picked(service)).toBe('e0,e2');
    expect([e1.calls, e1.failures, e1.inflight]).toEqual([3, 2, 1]);
    held.done(Outcome.Success);
    expect(e1.inflight).toBe(0);
    clock.advance(40_000);
    expect(e1.state).toBe('probing');
    expect(picked(service)).toBe('e0,e1,e2');
  });

  it('does not count among those that health has put out', () => {
    const options = { health: [connectFailures({ failures: 1 })], maxEjectionRatio: 0.5, panicThreshold: 0 };
    const { service, says } = world(4, [], options);
    service.acquire({ prefer: 'e1' }).done(Outcome.ConnectFailure);
    says('e1');
    // Of the three that serve, one may go.
    service.acquire({ prefer: 'e2' }).done(Outcome.ConnectFailure);
    expect(ids(service.rotation)).toBe('e0,e3');
  });

  it('begins slowly when it is back', () => {
    const { service, says, clock } = world(2, [], { slowStart: { windowMs: 10_000 } });
    says('e1');
    says();
    expect(service.endpoints[1]!.weight).toBeCloseTo(0.1);
    clock.advance(11_000);
    expect(service.endpoints[1]!.weight).toBe(1);
  });

  it('departs like any other when it is deregistered', () => {
    const { service, says, resolver } = world(2);
    says('e1');
    const changes: EndpointsEvent[] = [];
    service.on('endpoints', (change) => changes.push(change));
    resolver.update('users', list(1));
    expect(ids(service.endpoints)).toBe('e0');
    expect(ids(changes[0]!.departed)).toBe('e1');
  });
});

describe('a session of an endpoint that its registry calls unhealthy', () => {
  it('moves at once, or is refused, as onUnavailable says', () => {
    for (const onUnavailable of ['move', 'fail'] as const) {
      const { service, says } = world(3, [], { affinity: { onUnavailable } });
      const home = service.acquire({ key: 'ada' }).endpoint.spec.id;
      const reasons: string[] = [];
      service.on('affinity', ({ reason }) => reasons.push(reason));
      says(home);
      if (onUnavailable === 'move') expect(service.acquire({ key: 'ada' }).endpoint.spec.id).not.toBe(home);
      else expect(() => service.acquire({ key: 'ada' })).toThrow(/not available \(unavailable\)/);
      expect(reasons).toEqual(['unavailable']);
      says();
      if (onUnavailable === 'fail') expect(service.acquire({ key: 'ada' }).endpoint.spec.id).toBe(home);
    }
  });

  it('stays while it drains, until a call fails there', () => {
    const { service, says } = world(3, [], { affinity: { drainMs: 60_000 } });
    const home = service.acquire({ key: 'ada' }).endpoint.spec.id;
    says(home);
    const lease = service.acquire({ key: 'ada' });
    expect(lease.endpoint.spec.id).toBe(home);
    // Nothing new goes there meanwhile.
    expect(picked(service)).not.toContain(home);
    lease.done(Outcome.Failure);
    expect(service.acquire({ key: 'ada' }).endpoint.spec.id).not.toBe(home);
  });
});

describe('the weight an endpoint is registered with', () => {
  it('is kept beside the one in use, and refused where it is out of range', () => {
    const { mesh, resolver } = testMesh({ users: [{ host: 'h', port: 1, weight: 2, registeredWeight: 5 }] });
    expect(mesh.service('users').endpoints[0]!.spec).toMatchObject({ weight: 2, registeredWeight: 5 });
    expect(() => resolver.update('users', [{ host: 'h', port: 1, registeredWeight: 0 }])).toThrow(
      /registeredWeight is 0: allowed is a number from 0.000001 to 65535/,
    );
    expect(() => resolver.update('users', [{ host: 'h', port: 1, healthy: 'no' as never }])).toThrow(
      /healthy is "no": allowed is true or false/,
    );
  });
});
