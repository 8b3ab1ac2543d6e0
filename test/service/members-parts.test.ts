import { customCheck, type Endpoint, Outcome, type ServiceOptions } from 'fairlead';
import { describe, expect, it } from 'vitest';
import { prepareChange } from '../../src/service/change.js';
import type { LiveService } from '../../src/service/service.js';
import { endpoints, testMesh } from '../support/mesh.js';

function start(options: ServiceOptions, count = 6) {
  const test = testMesh({ users: endpoints(count) });
  const service = test.mesh.service('users', { policy: 'round_robin', ...options }) as LiveService;
  const fail = (id: string, times = 5): Endpoint => {
    for (let call = 0; call < times; call++) service.acquire({ prefer: id }).done(Outcome.ConnectFailure);
    return service.byId(id)!;
  };
  const change = async (next: ServiceOptions): Promise<void> => {
    const target = { options: { policy: 'round_robin' as const, ...next }, resolver: test.resolver };
    const prepared = await prepareChange(service, target, 1_000);
    prepared.swap();
    prepared.settle();
  };
  return { ...test, service, fail, change };
}

const idsOf = (all: readonly Endpoint[]): string[] => all.map(({ spec }) => spec.id);

describe('an endpoint that is out', () => {
  it('is so no longer where an aperture that comes into force leaves it out, and counts among none', async () => {
    const { service, fail, change } = start({});
    const gone = fail('e3');
    expect(gone.state).toBe('ejected');
    let used: string[] = ['e3'];
    for (let identity = 0; used.includes('e3'); identity++) {
      await change({ aperture: { size: 2, identity: `client ${identity}` } });
      used = idsOf(service.usedEndpoints);
    }
    expect(gone.state).toBe('ready');
    expect(service.inner.members.ejection.out).toBe(0);
  });

  it('stays so where the aperture has it, and where there is none', async () => {
    const { fail, change } = start({});
    const out = fail('e3');
    await change({ panicThreshold: 0 });
    expect(out.state).toBe('ejected');
    const states = new Map<boolean, Set<string>>();
    for (let identity = 0; identity < 12; identity++) {
      const other = start({});
      const its = other.fail('e3');
      await other.change({ aperture: { size: 3, identity: `client ${identity}` } });
      const isUsed = other.service.usedEndpoints.includes(its);
      states.set(isUsed, (states.get(isUsed) ?? new Set()).add(its.state));
    }
    expect([...states].sort()).toEqual([
      [false, new Set(['ready'])],
      [true, new Set(['ejected'])],
    ]);
  });

  it('is back by a check that passes and may say so, and gets its weight little by little', async () => {
    const check = customCheck({ clearsEjection: true, intervalMs: 1_000, jitterRatio: 0, ask: async () => {} });
    const { service, clock, fail } = start({ checks: [check], slowStart: { windowMs: 60_000 } });
    const returned: string[] = [];
    service.on('returned', ({ spec }) => returned.push(spec.id));
    await clock.advanceAsync(1_000);
    const out = fail('e2');
    expect(out.state).toBe('ejected');
    await clock.advanceAsync(1_000);
    expect([out.state, returned]).toEqual(['ready', ['e2']]);
    expect(out.weight).toBeLessThan(out.spec.weight);
  });

  it('is back at once where the caller found it well; of one that left nothing is heard', () => {
    const { service, resolver, fail } = start({});
    const out = fail('e1');
    service.reportRecovered(out);
    expect(out.state).toBe('ready');
    resolver.update('users', endpoints(6).slice(2));
    service.reportRecovered(out);
    service.reportProbe(out, Outcome.ConnectFailure);
    expect(out.state).toBe('draining');
  });
});

describe('endpoints of a service', () => {
  it('come with an event that says who arrived, changed and departed, and none where nothing did', () => {
    const { service, resolver } = start({}, 3);
    const events: string[][][] = [];
    service.on('endpoints', ({ arrived, changed, departed }) =>
      events.push([idsOf(arrived), idsOf(changed), idsOf(departed)]),
    );
    resolver.update('users', endpoints(3));
    expect(events).toEqual([]);
    const [first, , third] = endpoints(3) as { id: string; host: string; port: number }[];
    resolver.update('users', [{ ...first!, weight: 5 }, third!, { id: 'new', host: '127.0.0.1', port: 9 }]);
    expect(events).toEqual([[['new'], ['e0'], ['e1']]]);
    expect(service.endpoints.find(({ spec }) => spec.id === 'e0')!.weight).toBe(5);
  });

  it('are whole where all are new, and warm up where they come to others', () => {
    const { service, resolver } = start({ slowStart: { windowMs: 60_000 } }, 2);
    const weights = (): number[] => service.endpoints.map(({ weight, spec }) => weight / spec.weight);
    expect(weights()).toEqual([1, 1]);
    resolver.update('users', endpoints(3));
    expect(weights().slice(0, 2)).toEqual([1, 1]);
    expect(weights()[2]).toBeLessThan(0.5);
  });

  it('that are refused are told of, and the others used', () => {
    const { service, resolver } = start({}, 2);
    const errors: string[] = [];
    service.on('error', ({ message }) => errors.push(message));
    resolver.update('users', [...endpoints(2), ...endpoints(2)]);
    expect(errors.length + service.endpoints.length).toBeGreaterThanOrEqual(2);
    expect(idsOf(service.endpoints)).toEqual(['e0', 'e1']);
  });

  it('are not used before their first check, which comes without slow start', async () => {
    let isWell = false;
    const check = customCheck({
      ...{ initially: 'unhealthy', intervalMs: 1_000, jitterRatio: 0, healthyThreshold: 1 },
      ask: async () => {
        if (!isWell) throw new Error('not yet');
      },
    });
    const { service, clock } = start({ checks: [check], slowStart: { windowMs: 60_000 } }, 2);
    expect([service.members, service.rotation, service.endpoints.length]).toEqual([[], [], 2]);
    isWell = true;
    await clock.advanceAsync(3_000);
    expect(idsOf(service.members)).toEqual(['e0', 'e1']);
    expect(service.endpoints.map(({ weight }) => weight)).toEqual([1, 1]);
  });
});
