import { FairleadError, Outcome } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { endpoints, testMesh } from '../support/mesh.js';

describe('service', () => {
  it('counts a call in flight from acquire until done, once', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    const service = mesh.service('users');
    const lease = service.acquire();
    expect(lease.endpoint.inflight).toBe(1);
    lease.done(Outcome.Success);
    lease.done(Outcome.Success);
    expect(lease.endpoint.inflight).toBe(0);
    expect(lease.endpoint.calls).toBe(1);
  });

  it('refuses an unknown option with the list of what exists', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    expect(() => mesh.service('users', { polcy: 'random' } as never)).toThrow(
      /service 'users'\.polcy is not an option: .*policy/,
    );
  });

  it('refuses an unknown policy with the list of what exists', () => {
    const { mesh } = testMesh({ users: endpoints(1) });
    expect(() => mesh.service('users', { policy: 'fastest' as never })).toThrow(
      /"fastest": allowed is one of round_robin, .*peak_ewma/,
    );
  });

  it('ejects an endpoint after five failures in a row and lets it return through one probing call', () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { policy: 'round_robin' });
    const events: string[] = [];
    service.on('ejected', (event) => events.push(`ejected ${event.endpoint.spec.id} ${event.enforced}`));
    service.on('returned', (endpoint) => events.push(`returned ${endpoint.spec.id}`));
    for (let i = 0; i < 15; i++) {
      const lease = service.acquire();
      lease.done(lease.endpoint.spec.id === 'e1' ? Outcome.Failure : Outcome.Success);
    }
    expect(events).toEqual(['ejected e1 true']);
    expect(service.rotation.map((endpoint) => endpoint.spec.id)).toEqual(['e0', 'e2']);
    clock.advance(33_000);
    const probe = service.acquire();
    expect(probe.endpoint.spec.id).toBe('e1');
    const others = Array.from({ length: 20 }, () => service.acquire().endpoint.spec.id);
    expect(others).not.toContain('e1');
    probe.done(Outcome.Success);
    expect(events).toEqual(['ejected e1 true', 'returned e1']);
    expect(service.rotation).toHaveLength(3);
  });

  it('lets endpoints return that no key leads to while their whole priority is out', () => {
    const first = endpoints(2);
    const spare = [
      { id: 'spare0', host: '127.0.0.1', port: 6_000, priority: 1 },
      { id: 'spare1', host: '127.0.0.1', port: 6_001, priority: 1 },
    ];
    const { mesh, clock } = testMesh({ users: [...first, ...spare] });
    const service = mesh.service('users', { policy: 'maglev', maxEjectionRatio: 0.5 });
    const call = (key: string, outcomeOf: (id: string) => Outcome): void => {
      const lease = service.acquire({ key });
      lease.done(outcomeOf(lease.endpoint.spec.id));
    };
    for (let i = 0; i < 100; i++) call(`k${i}`, (id) => (id.startsWith('e') ? Outcome.Failure : Outcome.Success));
    expect(service.rotation.map(({ spec }) => spec.id)).toEqual(['spare0', 'spare1']);
    clock.advance(40_000);
    for (let i = 0; i < 100; i++) call(`k${i}`, () => Outcome.Success);
    expect(service.endpoints.map(({ state }) => state)).toEqual(['ready', 'ready', 'ready', 'ready']);
  });

  it('lets an ejected endpoint return at once when an adapter vouches for it', () => {
    const { mesh, clock } = testMesh({ users: endpoints(3) });
    const service = mesh.service('users', { policy: 'round_robin' });
    for (let i = 0; i < 15; i++) {
      const lease = service.acquire();
      lease.done(lease.endpoint.spec.id === 'e1' ? Outcome.Failure : Outcome.Success);
    }
    const ejected = service.endpoints[1]!;
    expect(service.rotation).not.toContain(ejected);
    service.reportRecovered(ejected);
    expect(service.rotation).toContain(ejected);
    expect(clock.pending).toBe(0);
    service.reportRecovered(ejected);
  });

  it('throws FAIRLEAD_NO_ENDPOINT when there is none, saying why', () => {
    const { mesh } = testMesh({ users: [] });
    try {
      mesh.service('users').acquire();
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FairleadError);
      expect((error as FairleadError).code).toBe('FAIRLEAD_NO_ENDPOINT');
      expect((error as FairleadError).message).toContain('discovery lists no endpoint');
    }
  });
});
